/** Creates and updates evaluations as callers do, and checks each answer. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunEvaluation } from '../../src/evaluation/read.ts';
import type { Answer, Call } from './caller.ts';
import { advance, type Ledger, openLedger, readVersion, type Sent } from './ledger.ts';
import { getEvaluation } from './reads.ts';
import { buildHeaders, buildPath, pickAuthor, pickLedger, type Run, type World } from './world.ts';

/**
 * The share of requests whose caller does not know that the Worker answered, and sends the same
 * again.
 */
const REPEATED = 0.1;
/** The share of deleted evaluations that their caller creates again under the same id. */
const RECREATED = 0.5;

export async function createEvaluation(world: World, deleted?: Place): Promise<void> {
  const created = await create(world, deleted);
  if (!created) return;
  created.ledger.created_at = created.row.created_at;
  world.existing.push(created.ledger);
}

/**
 * Creates an evaluation that no other caller uses, changes it, and deletes it. Creates some again
 * under the same id, and then every caller may use them.
 */
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
    return world.findings.violate('refused', `delete answered ${told(answer)}`);
  ledger.deletion = 'acknowledged';
  if (!world.random.chance(RECREATED)) return;
  // A create in the same millisecond would count as earlier than the deletion, and get 409.
  await pause(2);
  await createEvaluation(world, { run, id: ledger.id });
}

type Place = { readonly run: Run; readonly id: string };
type Created = { readonly run: Run; readonly ledger: Ledger; readonly row: RunEvaluation };

/**
 * Creates an evaluation, under the id of a deleted one if that is given. Returns undefined if
 * nobody acknowledged the creation.
 */
async function create(world: World, deleted?: Place): Promise<Created | undefined> {
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
  // The ledger exists before the answer: a list may show the evaluation before this caller hears of
  // it.
  run.ledgers.set(id, ledger);

  const { answer, uncertain } = await caller.call(call);
  if (answer.status === 503) return undefined;
  const legal = uncertain === 0 ? [201] : [200, 201];
  if (!legal.includes(answer.status)) {
    findings.violate('refused', `${call.kind} answered ${told(answer)}`);
    return undefined;
  }
  const row = answer.body as RunEvaluation;
  advance(ledger, readVersion(row), answer.headers['x-d1-bookmark']);
  if (!random.chance(REPEATED)) return { run, ledger, row };

  const again = (await caller.call({ ...call, kind: 'repeated create' })).answer;
  const same = again.status === 200 && (again.body as RunEvaluation).created_at === row.created_at;
  if (!same && again.status !== 503)
    findings.violate('repetition', `the same create again answered ${told(again)}`);
  return { run, ledger, row };
}

export async function updateEvaluation(
  world: World,
  kind: 'update' | 'conditional update' | 'update with a key',
  ledger = pickLedger(world),
): Promise<void> {
  const read = kind === 'conditional update' ? await getEvaluation(world, ledger) : undefined;
  if (kind === 'conditional update' && !read) return;
  const [author, value, once] = [
    pickAuthor(world),
    world.nextValue(),
    kind === 'update with a key',
  ];
  const headers = await buildHeaders(world, author, ledger.account);
  if (read) headers['if-match'] = `"${read.version.at}"`;
  if (once) headers['idempotency-key'] = randomUUID();
  await sendUpdate(world, ledger, {
    ...{ author, value, once, expected: read?.version.at },
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
  /** Is true if the update has an Idempotency-Key. */
  readonly once: boolean;
  /** The version that its If-Match names. */
  readonly expected?: string | undefined;
  /** Returns true if the Worker may answer 404, because the update's link is being revoked. */
  readonly mayBeGone?: () => boolean;
};

/** Sends an update, now and then repeatedly, and notes its result. */
export async function sendUpdate(world: World, ledger: Ledger, update: Update): Promise<void> {
  const { findings, random } = world;
  const { call, author, value, once, expected, mayBeGone } = update;
  const sent: Sent = { author, once, isUnderWay: true, uncertain: 0, acknowledged: new Set() };
  ledger.sent.set(value, sent);

  for (let first = true; first || random.chance(REPEATED); first = false) {
    const before = ledger.latest;
    sent.isUnderWay = true;
    const { answer, uncertain } = await world.caller.call(call).catch((thrown: unknown) => {
      // The failed call is a violation of its own. Nobody can tell how often the update is stored
      // then.
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
      return findings.violate('refused', `${call.kind} answered ${told(answer)}`);
    const problem = acknowledge(ledger, answer, {
      value,
      sent,
      before: first ? before : '',
      expected,
    });
    if (problem !== undefined) findings.violate('acknowledgement', `${ledger.id}: ${problem}`);
  }
}

type Asked = {
  readonly value: number;
  readonly sent: Sent;
  /** The latest acknowledged time before this update was sent. */
  readonly before: string;
  readonly expected: string | undefined;
};

/** Notes the acknowledgement, and returns what is wrong with it. */
function acknowledge(
  ledger: Ledger,
  answer: Answer,
  { value, sent, before, expected }: Asked,
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

export const told = ({ status, text }: Answer) => `${status} ${text.slice(0, 200)}`;
