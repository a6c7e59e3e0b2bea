/** Lets a test store rows, mint tokens, and send requests to the Worker. */
import { env, exports } from 'cloudflare:workers';
import { expect, inject } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';
import type { EvaluationRow, ReplacedRow } from '../../src/evaluation/read.ts';
import type { LabelRow } from '../../src/label/read.ts';
import type { AllAccounts } from './all-accounts.worker.ts';
import { expectDocumented } from './document.ts';
import { createNamespace, createObjectDatabase } from './objects.ts';
import { SECRET } from './secret.ts';
import { createHmac, type Header } from './signer.ts';

export type Send = (request: Request) => Promise<Response>;

/** Checks each response of `worker` and `createWorker` against the OpenAPI document. */
async function respondDocumented(
  request: Request,
  respond: (request: Request) => Response | Promise<Response>,
) {
  const response = await respond(request);
  await expectDocumented(request, response);
  return response;
}

export const STORE = inject('store');

type ObjectsEnv = { readonly ALL_ACCOUNTS: DurableObjectNamespace<AllAccounts> };

/** The database that the Worker under test uses. */
export const DB =
  STORE === 'd1'
    ? env.DB
    : createObjectDatabase((env as unknown as ObjectsEnv).ALL_ACCOUNTS, env.DB);

export const readRows = async <T>(sql: string, ...params: readonly unknown[]): Promise<T[]> =>
  (
    await DB.prepare(sql)
      .bind(...params)
      .all<T>()
  ).results;

/** The settings that a test changes. Undefined removes a setting. */
type Settings = { [name in keyof Env]?: Env[name] | undefined };

export function createWorker(settings: Settings, clock?: Clock): Send {
  const app = createApp({ ...env, ...buildObjectSettings(settings), ...settings } as Env, clock);
  return (request) => respondDocumented(request, (sent) => app.fetch(sent));
}

/**
 * Returns settings that make the Worker store all accounts in Durable Objects. For D1, returns
 * none.
 */
const buildObjectSettings = ({ DB: db = DB }: Settings) =>
  STORE === 'd1' ? {} : { DB: db, ACCOUNT_OBJECTS: '*', ACCOUNT_OBJECT: createNamespace(db) };

/** The Worker as deployed, with the settings of the suite. */
export const worker: Send =
  STORE === 'd1'
    ? (request) => respondDocumented(request, (sent) => exports.default.fetch(sent))
    : createWorker({});

/** The account that the tests use unless they name another account. */
export const ACCOUNT = 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M';
export const SUBJECT = 'user-123';

export const makeAccount = () => `acc_${crypto.randomUUID()}`;

export const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

/**
 * Makes the claims of a token that is valid for ten minutes. A claim that is undefined is left out.
 */
export const claims = (changed: Record<string, unknown> = {}, now = new Date()) => ({
  sub: SUBJECT,
  account_id: ACCOUNT,
  exp: seconds(now) + 600,
  ...changed,
});

const { sign } = await createHmac(SECRET);

/** Caches tokens with the default claims. The key is the expiry in seconds. */
const plainTokens = new Map<number, string>();

export async function mintToken(
  changed: Record<string, unknown> = {},
  header: Header = {},
): Promise<string> {
  const content = claims(changed);
  const isPlain = Object.keys(changed).length === 0 && Object.keys(header).length === 0;
  const token =
    (isPlain ? plainTokens.get(content.exp) : undefined) ?? (await sign(content, header));
  if (isPlain) plainTokens.set(content.exp, token);
  return token;
}

export type Row = EvaluationRow;

export function requirePresent<T>(value: T | null | undefined): T {
  if (value === null || value === undefined)
    throw new Error('a value that should be there is missing');
  return value;
}

const makeRow = (fields: Partial<Row>): Row => ({
  id: crypto.randomUUID(),
  account_id: ACCOUNT,
  run_id: crypto.randomUUID(),
  output_name: 'summary',
  field_path: '$.text',
  evaluation_label_id: crypto.randomUUID(),
  value: 3,
  created_by: 'user-7',
  created_by_evaluator_id: crypto.randomUUID(),
  created_at: '2026-01-02T03:04:05.678Z',
  updated_by: null,
  updated_at: null,
  ...fields,
});

export async function storeEvaluation(fields: Partial<Row> = {}): Promise<Row> {
  const row = makeRow(fields);
  await insert('run_evaluation', row).run();
  return row;
}

export async function storeEvaluations(...all: Partial<Row>[]): Promise<Row[]> {
  const rows = all.map(makeRow);
  await DB.batch(rows.map((row) => insert('run_evaluation', row)));
  return rows;
}

/** A label whose `value_type` can be any text, even a text that the table refuses. */
export type Label = Omit<LabelRow, 'value_type'> & { value_type: string };

/** Stores a label of the account `ACCOUNT`, and an evaluation with this label. */
export async function storeLabelled(
  label: Partial<Label>,
  fields: Partial<Row> = {},
): Promise<Row> {
  const row = makeRow(fields);
  await DB.batch([
    insert('run_evaluation', row),
    insert('evaluation_label', makeLabel({ id: row.evaluation_label_id, ...label })),
  ]);
  return row;
}

export const makeLabel = (fields: Partial<Label> = {}): Label => ({
  id: crypto.randomUUID(),
  account_id: ACCOUNT,
  name: 'tone',
  description: null,
  value_type: 'continuous',
  min_value: null,
  max_value: null,
  categories: null,
  archived_at: null,
  created_by: 'user-7',
  created_at: '2026-01-02T03:04:05.678Z',
  updated_by: null,
  updated_at: null,
  ...fields,
});

export async function storeLabel(fields: Partial<Label> = {}): Promise<Label> {
  const label = makeLabel(fields);
  await insert('evaluation_label', label).run();
  return label;
}

/** Returns a label as the API sends it. */
export function formatLabel({ categories, updated_at, ...label }: Label): object {
  const sent = { ...label, categories: categories === null ? null : JSON.parse(categories) };
  return updated_at === null ? sent : { ...sent, updated_at };
}

export const readLabel = (id: string, account_id = ACCOUNT) =>
  DB.prepare(
    `SELECT id, account_id, name, description, value_type, min_value, max_value, categories, archived_at, created_by,
      created_at, updated_by, updated_at FROM evaluation_label WHERE account_id = ? AND id = ?`,
  )
    .bind(account_id, id)
    .first<Label>();

export const buildLabelPath = ({ id }: { readonly id: string }) => `/v1/evaluation-label/${id}`;

const insert = (table: string, row: object) => {
  const columns = Object.keys(row);
  return DB.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`).bind(
    ...Object.values(row),
  );
};

const HISTORY = `SELECT evaluation_id, value, updated_by, updated_at, replaced_by, replaced_at FROM run_evaluation_history
  WHERE evaluation_id = ? ORDER BY replaced_at`;

export const readHistory = (id: string) => readRows<ReplacedRow>(HISTORY, id);

/** The twelve columns of an evaluation that the API sends. */
const COLUMNS = `id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
  created_by_evaluator_id, created_at, updated_by, updated_at`;

const EVALUATION = `SELECT ${COLUMNS} FROM run_evaluation WHERE id = ?`;
const RUN = `SELECT ${COLUMNS} FROM run_evaluation WHERE run_id = ? ORDER BY id`;

export const readEvaluation = async (id: string): Promise<Row | null> =>
  (await readRows<Row>(EVALUATION, id))[0] ?? null;

export async function readEvaluations(ids: readonly string[]): Promise<ReadonlyMap<string, Row>> {
  const rows = await readRows<Row>(
    `SELECT ${COLUMNS} FROM run_evaluation WHERE id IN (SELECT value FROM json_each(?))`,
    JSON.stringify(ids),
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Checks that a history has no gap. Each entry's `replaced_by` and `replaced_at` must be the
 * `updated_by` and `updated_at` of the next entry, or of the row.
 */
export function expectUnbroken(history: ReplacedRow[], row: Row | null): void {
  const setters = [...history.slice(1), row].map((next) => [next?.updated_by, next?.updated_at]);
  expect(history.map(({ replaced_by, replaced_at }) => [replaced_by, replaced_at])).toEqual(
    setters,
  );
}

export const buildPath = ({ run_id, id }: Pick<Row, 'run_id' | 'id'>) =>
  `/v1/run/${run_id}/evaluation/${id}`;

/** Makes a request, by default a PUT with a valid token. A header that is null is not sent. */
export async function request(
  path: string,
  {
    headers = {},
    ...init
  }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string | null> } = {},
): Promise<Request> {
  const all = {
    authorization: headers['authorization'] ?? null,
    'content-type': 'application/json',
    ...headers,
  };
  if (headers['authorization'] === undefined) all.authorization = `Bearer ${await mintToken()}`;
  const sent = Object.entries(all).filter(
    (header): header is [string, string] => header[1] !== null,
  );
  const made = new Request(`https://api.test${path}`, { method: 'PUT', ...init, headers: sent });
  // If the body is a string, `Request` adds a Content-Type, even if the test sets it to null.
  if (all['content-type'] === null) made.headers.delete('content-type');
  return made;
}

export const get = async (path: string, headers: Record<string, string | null> = {}) =>
  request(path, { method: 'GET', headers: { 'content-type': null, ...headers } });

export const putValue = async (row: Pick<Row, 'run_id' | 'id'>, value: unknown, token?: string) =>
  request(buildPath(row), {
    body: JSON.stringify({ value }),
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  });

const COMMON_HEADERS = {
  'cache-control': 'no-store',
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
};

export type Refusal = {
  readonly status: number;
  readonly error: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Converts an expected refusal to the form that `readRefusal` returns. */
export const formatRefusal = ({ status, error, headers }: Refusal) => ({
  status,
  headers: { ...COMMON_HEADERS, ...headers },
  body: { error },
});

/**
 * Reads a refusal, and checks its request id and bookmark. The result contains neither, because
 * they are new in each response.
 */
export async function readRefusal(response: Response) {
  const {
    'x-request-id': requestId,
    'x-d1-bookmark': bookmark,
    ...headers
  } = Object.fromEntries(response.headers);
  expect(requestId).toMatch(/^[\w.:-]+$/);
  expect(bookmark ?? BOOKMARK_EXAMPLE).toMatch(/^[0-9a-f-]{59}$/);
  return { status: response.status, headers, body: await response.json() };
}

export async function expectRefusal(response: Response, refusal: Refusal): Promise<void> {
  expect(await readRefusal(response)).toEqual(formatRefusal(refusal));
}

const BOOKMARK_EXAMPLE = '00000000-00000000-00000000-00000000000000000000000000000000';

/** Reads the evaluations with this run id, in all accounts. */
export const readRun = (runId: string) => readRows<Row>(RUN, runId);

/** Reads everything that a request about a row could have changed. */
export async function readState({ id, run_id, evaluation_label_id }: Row) {
  const statement = (sql: string, ...params: string[]) => DB.prepare(sql).bind(...params);
  const results = await DB.batch([
    statement(RUN, run_id),
    statement(EVALUATION, id),
    statement(HISTORY, id),
    statement('SELECT * FROM evaluation_label WHERE id = ?', evaluation_label_id),
    statement('SELECT count(*) AS count FROM evaluation_label'),
  ]);
  const [run, row, history, label, labels] = results.map((result) => result.results);
  return { run, row, history, label, labels };
}

/** Sends a request that the Worker must refuse, and checks that nothing has changed. */
export async function expectRefusedUpdate(
  row: Row,
  sent: Request,
  refusal: Refusal,
  send: Send = worker,
): Promise<void> {
  const before = await readState(row);
  await expectRefusal(await send(sent), refusal);
  expect(await readState(row)).toEqual(before);
}
