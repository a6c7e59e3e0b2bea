/**
 * Gets and lists evaluations. A get must not return an older version than an earlier response. A
 * list must show each evaluation once, in order.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';
import { advance, type Ledger, readVersion, type Version } from './ledger.ts';
import {
  buildHeaders,
  buildListPath,
  buildPath,
  pickAuthor,
  pickLedger,
  type Run,
  type World,
} from './world.ts';

type Read = { readonly row: RunEvaluation; readonly version: Version };

/** Gets an evaluation and checks the response. Returns undefined if the status is not 200. */
export async function getEvaluation(world: World, ledger: Ledger): Promise<Read | undefined> {
  const { caller, findings } = world;
  const [before, bookmark] = [ledger.latest, ledger.bookmark];
  const headers = {
    ...(await buildHeaders(world, pickAuthor(world), ledger.account)),
    ...(bookmark && { 'x-d1-bookmark': bookmark }),
  };
  const { answer } = await caller.call({
    kind: 'get',
    method: 'GET',
    path: buildPath(ledger),
    headers,
  });
  if (answer.status === 503) return undefined;
  if (answer.status !== 200) {
    findings.violate(
      'refused',
      `get of an existing evaluation answered ${answer.status} ${answer.text}`,
    );
    return undefined;
  }
  const row = answer.body as RunEvaluation;
  const version = readVersion(row);
  advance(ledger, version, answer.headers['x-d1-bookmark']);
  if (version.at < before)
    findings.violate('read', `${ledger.id} was read as of ${version.at}, after ${before}`);
  return { row, version };
}

export async function getIfChanged(world: World): Promise<void> {
  const ledger = pickLedger(world);
  const known = `"${ledger.latest}"`;
  const author = pickAuthor(world);
  const headers = {
    ...(await buildHeaders(world, author, ledger.account)),
    'if-none-match': known,
  };
  const { answer } = await world.caller.call({
    kind: 'get',
    method: 'GET',
    path: buildPath(ledger),
    headers,
  });
  if (answer.status === 503) return;
  const unchanged = answer.headers.etag === known;
  if (answer.status !== (unchanged ? 304 : 200)) {
    world.findings.violate(
      'read',
      `${answer.status} with ${answer.headers.etag} to a caller that has ${known}`,
    );
  }
}

/** Reads the next page of a random run's evaluations, and checks the page. */
export async function listEvaluations(world: World): Promise<void> {
  const { caller, findings, random } = world;
  const run = random.pick(world.runs);
  const { path, after } = run.next;
  const before = new Map(run.ledgers);
  const existed = [...before.values()].filter(({ created_at }) => created_at !== undefined);
  const headers = await buildHeaders(world, pickAuthor(world), run.account);
  const { answer } = await caller.call({ kind: 'list', method: 'GET', path, headers });
  if (answer.status === 503) return;
  if (answer.status !== 200)
    return findings.violate('refused', `list answered ${answer.status} ${answer.text}`);
  const rows = answer.body as RunEvaluation[];
  const link = /^<([^>]+)>/.exec(String(answer.headers['link'] ?? ''))?.[1];
  const last = link === undefined ? '~' : formatPosition(rows.at(-1));
  run.next =
    link === undefined ? { path: buildListPath(run.id), after: '' } : { path: link, after: last };
  for (const problem of judgePage(run, rows, { before, existed }, after, last))
    findings.violate('list', `${run.id}: ${problem}`);
}

/** Formats a position so that positions sort as text in the order of the Worker's list. */
const formatPosition = (
  row: { readonly id: string; readonly created_at?: string | undefined } | undefined,
) => `${row?.created_at} ${row?.id}`;

/**
 * Returns a sentence for each fault of a page. The page must contain all evaluations from the
 * position after `after` to the position `last`.
 */
function judgePage(
  run: Run,
  rows: readonly RunEvaluation[],
  { before, existed }: { before: ReadonlyMap<string, Ledger>; existed: readonly Ledger[] },
  after: string,
  last: string,
) {
  const positions = rows.map(formatPosition);
  const shown = new Set(positions);
  const problems = positions.flatMap((position, index) =>
    position > (positions[index - 1] ?? after) ? [] : [`${position} is not in order`],
  );
  for (const row of rows) {
    const ledger = run.ledgers.get(row.id);
    // Skips a row if a caller has deleted the evaluation and created it again after the read began.
    if (ledger && (before.get(row.id) ?? ledger) === ledger) ledger.shown.push(readVersion(row));
    else if (!ledger) problems.push(`${row.id} was never created`);
  }
  const missing = existed
    .filter(({ deletion }) => deletion === 'none')
    .map(formatPosition)
    .filter((position) => position > after && position <= last && !shown.has(position));
  return [...problems, ...missing.map((position) => `${position} is missing`)];
}
