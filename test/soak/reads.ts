/**
 * Gets and lists evaluations, and checks each answer. It is never older than what was acknowledged
 * before, and a list has every entry once.
 */
import type { RunEvaluation } from '../../src/evaluation/read.ts';
import { advance, type Ledger, readVersion, type Version } from './ledger.ts';
import {
  buildHeaders,
  buildPath,
  listOf,
  pickAuthor,
  pickLedger,
  type Run,
  type World,
} from './world.ts';

type Read = { readonly row: RunEvaluation; readonly version: Version };

/** Returns undefined if the database did not answer. */
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

/**
 * Gets an evaluation as a caller that may already have the present version. The answer must be 304
 * exactly if it has.
 */
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

/** Reads one page of a run, from the end of the page before. */
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
  const last = link === undefined ? '~' : formatPlace(rows.at(-1));
  run.next = link === undefined ? { path: listOf(run.id), after: '' } : { path: link, after: last };
  for (const problem of judgePage(run, rows, { before, existed }, after, last))
    findings.violate('list', `${run.id}: ${problem}`);
}

/** Returns the position of the row in the list. */
const formatPlace = (
  row: { readonly id: string; readonly created_at?: string | undefined } | undefined,
) => `${row?.created_at} ${row?.id}`;

/**
 * Checks that the page contains, in order and once, the entries after the first position and up to
 * the second.
 */
function judgePage(
  run: Run,
  rows: readonly RunEvaluation[],
  { before, existed }: { before: ReadonlyMap<string, Ledger>; existed: readonly Ledger[] },
  after: string,
  last: string,
) {
  const places = rows.map(formatPlace);
  const shown = new Set(places);
  const problems = places.flatMap((place, index) =>
    place > (places[index - 1] ?? after) ? [] : [`${place} is not in order`],
  );
  for (const row of rows) {
    const ledger = run.ledgers.get(row.id);
    // If the evaluation was created again meanwhile, the page may still show the deleted one.
    if (ledger && (before.get(row.id) ?? ledger) === ledger) ledger.shown.push(readVersion(row));
    else if (!ledger) problems.push(`${row.id} was never created`);
  }
  const missing = existed
    .filter(({ deletion }) => deletion === 'none')
    .map(formatPlace)
    .filter((place) => place > after && place <= last && !shown.has(place));
  return [...problems, ...missing.map((place) => `${place} is missing`)];
}
