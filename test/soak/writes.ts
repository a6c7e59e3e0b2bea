/**
 * Creates, updates and deletes evaluations. Each function checks the responses and records them in
 * a ledger (ledger.ts).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunEvaluation } from '../../src/evaluation/read.ts';
import type { Answer, Call } from './caller.ts';
import { advance, type Ledger, openLedger, readVersion, type Sent } from './ledger.ts';
import { getEvaluation } from './reads.ts';
import { buildHeaders, buildPath, pickAuthor, pickLedger, type Run, type World } from './world.ts';

/** The share of successful writes that the caller sends again, as if the response had been lost. */
const REPEATED_SHARE = 0.1;
/** The share of deleted evaluations that the caller creates again under the same id. */
const RECREATED_SHARE = 0.5;

export async function createEvaluation(world: World, deleted?: DeletedEvaluation): Promise<void> {
  const created = await create(world, deleted);
  if (!created) return;
  created.ledger.created_at = created.row.created_at;
  world.existing.push(created.ledger);
}

/** Creates, updates and deletes an evaluation that no other caller uses. */
export async function deleteEvaluation(world: World): Promise<void> {
  const created = await create(world);
  if (!created) return;
  const { ledger, run } = created;
  ledger.created_at = created.row.created_at;
  await updateEvaluation(world, 'update', ledger);
  const headers = await buildHeaders(world, pickAuthor(world), ledger.account);
  const call = { kind: 'delete', method: 'DELETE', path: buildPath(ledger), headers };
  ledger.deletion = 'sent';
  const { answer, uncertain } = await world.caller.call(call);
  if (answer.status === 503) return;
  if (answer.status !== 204 && (answer.status !== 404 || uncertain === 0))
    return world.findings.violate('refused', `delete answered ${describeAnswer(answer)}`);
  ledger.deletion = 'acknowledged';
  if (!world.random.chance(RECREATED_SHARE)) return;
  // The Worker would answer 409 to a create in the same millisecond as the deletion.
  await pause(2);
  await createEvaluation(world, { run, id: ledger.id });
}

type DeletedEvaluation = { readonly run: Run; readonly id: string };
type Created = { readonly run: Run; readonly ledger: Ledger; readonly row: RunEvaluation };

/** Creates an evaluation. Returns undefined if the Worker did not acknowledge the creation. */
async function create(world: World, deleted?: DeletedEvaluation): Promise<Created | undefined> {
  const { caller, findings, random } = world;
  const { run, id } = deleted ?? { run: random.pick(world.runs), id: randomUUID() };
  const [author, value] = [pickAuthor(world), world.nextValue()];
  const output_name = random.pick(['reply', null]);
  const call = {
    kind: deleted ? 'create again' : 'create',
    method: 'POST',
    path: `/v1/run/${run.id}/evaluations`,
    headers: await buildHeaders(world, author, run.account),
    body: JSON.stringify({ id, evaluation_label_id: world.label.id, value, output_name }),
  };
  const ledger = openLedger(run, id, { value, author }, deleted !== undefined);
  // Another caller's list may show the evaluation before this create gets its response.
  run.ledgers.set(id, ledger);

  const { answer, uncertain } = await caller.call(call);
  if (answer.status === 503) return undefined;
  const legal = uncertain === 0 ? [201] : [200, 201];
  if (!legal.includes(answer.status)) {
    findings.violate('refused', `${call.kind} answered ${describeAnswer(answer)}`);
    return undefined;
  }
  const row = answer.body as RunEvaluation;
  advance(ledger, readVersion(row), answer.headers['x-d1-bookmark']);
  if (!random.chance(REPEATED_SHARE)) return { run, ledger, row };

  const again = (await caller.call({ ...call, kind: 'repeated create' })).answer;
  const same = again.status === 200 && (again.body as RunEvaluation).created_at === row.created_at;
  if (!same && again.status !== 503)
    findings.violate('repetition', `the same create again answered ${describeAnswer(again)}`);
  return { run, ledger, row };
}

export async function updateEvaluation(
  world: World,
  kind: 'update' | 'conditional update' | 'update with a key',
  ledger = pickLedger(world),
): Promise<void> {
  const read = kind === 'conditional update' ? await getEvaluation(world, ledger) : undefined;
  if (kind === 'conditional update' && !read) return;
  const [author, value, hasKey] = [
    pickAuthor(world),
    world.nextValue(),
    kind === 'update with a key',
  ];
  const headers = await buildHeaders(world, author, ledger.account);
  if (read) headers['if-match'] = `"${read.version.at}"`;
  if (hasKey) headers['idempotency-key'] = randomUUID();
  await sendUpdate(world, ledger, {
    ...{ author, value, hasKey, expected: read?.version.at },
    call: {
      ...{
        kind,
        method: world.random.pick(['PUT', 'PUT', 'POST']),
        path: buildPath(ledger),
        headers,
      },
      body: JSON.stringify(read ? { ...read.row, value } : { value }),
    },
  });
}

export type Update = {
  readonly call: Call;
  readonly author: string;
  readonly value: number;
  readonly hasKey: boolean;
  /** The version in the update's If-Match. */
  readonly expected?: string | undefined;
  /** Returns true if a caller has begun to revoke the link of the update. */
  readonly mayBeGone?: () => boolean;
};

/** Sends an update, sometimes more than once, and records the results in the ledger. */
export async function sendUpdate(world: World, ledger: Ledger, update: Update): Promise<void> {
  const { findings, random } = world;
  const { call, author, value, hasKey, expected, mayBeGone } = update;
  const sent: Sent = { author, hasKey, isUnderWay: true, uncertain: 0, acknowledged: new Set() };
  ledger.sent.set(value, sent);

  for (let first = true; first || random.chance(REPEATED_SHARE); first = false) {
    const before = ledger.latest;
    sent.isUnderWay = true;
    const { answer, uncertain } = await world.caller.call(call).catch((thrown: unknown) => {
      // No response came, so the audit must accept any number of stored copies.
      sent.uncertain = Number.POSITIVE_INFINITY;
      throw thrown;
    });
    sent.isUnderWay = false;
    sent.uncertain += uncertain;
    if (answer.status === 503 || (answer.status === 404 && mayBeGone?.())) return;
    if (answer.status === 412 && expected !== undefined) {
      const same = answer.headers.etag === `"${expected}"`;
      if (same)
        findings.violate(
          'precondition',
          `412 to the present entity tag ${answer.headers.etag} of ${ledger.id}`,
        );
      return;
    }
    if (answer.status !== 200)
      return findings.violate('refused', `${call.kind} answered ${describeAnswer(answer)}`);
    const problem = acknowledge(ledger, answer, {
      value,
      sent,
      before: first ? before : '',
      expected,
    });
    if (problem !== undefined) findings.violate('acknowledgement', `${ledger.id}: ${problem}`);
  }
}

type SentUpdate = {
  readonly value: number;
  readonly sent: Sent;
  /** The update's time must be later than `before`, which is empty for a repeated update. */
  readonly before: string;
  readonly expected: string | undefined;
};

/** Records an acknowledged update. Returns a sentence if the response is wrong. */
function acknowledge(
  ledger: Ledger,
  answer: Answer,
  { value, sent, before, expected }: SentUpdate,
): string | undefined {
  const version = readVersion(answer.body as RunEvaluation);
  advance(ledger, version, answer.headers['x-d1-bookmark']);
  if (version.value !== value || version.by !== sent.author) {
    return `${value} of ${sent.author} was acknowledged as ${version.value} of ${version.by}`;
  }
  sent.acknowledged.add(version.at);
  if (answer.headers.etag !== `"${version.at}"`)
    return `the entity tag of ${version.at} is ${answer.headers.etag}`;
  if (version.at <= before)
    return `${value} was given the time ${version.at}, but ${before} was acknowledged before`;
  if (expected === undefined) return undefined;
  const rival = [...ledger.replaced].find(([at, tag]) => tag === expected && at !== version.at);
  ledger.replaced.set(version.at, expected);
  return (
    rival &&
    `two conditional updates of ${expected} were acknowledged: ${rival[0]} and ${version.at}`
  );
}

export const describeAnswer = ({ status, text }: Answer) => `${status} ${text.slice(0, 200)}`;
