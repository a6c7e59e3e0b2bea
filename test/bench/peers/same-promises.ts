/**
 * The same promises by hand: a Worker for one route that answers as this one does, header by
 * header, with jose for its tokens and no other library. What it costs over the floor is what the
 * promises cost.
 */
import { PATH, type Settings } from './by-hand.ts';
import { type Cost, type Explanation, get, type Row, update } from './same-promises-d1.ts';
import { parseUpdate, type Update } from './same-promises-input.ts';
import { authenticate, Refusal } from './same-promises-token.ts';

/**
 * What a request has gathered so far: its log line, what D1 cost, and the bookmark once D1 has
 * answered.
 */
type State = {
  readonly log: { [name: string]: unknown };
  readonly cost: Cost;
  bookmark: string | null;
};

const ORIGIN = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;
const REQUEST_ID = /^[\w.:-]{1,128}$/;

const NOT_FOUND = new Refusal(
  404,
  'Nothing is there for this token: check the ids, and that the token is for the account that owns them.',
  { refusal: 'not_found' },
);

const unprocessable = (sentence: string) =>
  new Refusal(422, sentence, { refusal: 'unprocessable' });

const validatorsOf = ({ updated_at, created_at }: Row) => ({
  etag: `"${updated_at ?? created_at}"`,
  'cache-control': 'no-store, no-transform',
});

async function handle(request: Request, settings: Settings, state: State): Promise<Row | Refusal> {
  const path = PATH.exec(request.url);
  if (!path) return new Refusal(404, 'No such path.', { refusal: 'not_found' });
  if (request.method !== 'GET' && request.method !== 'PUT')
    return new Refusal(405, 'No such method.', {});
  const caller = await authenticate(request, settings);
  if (caller instanceof Refusal) return caller;
  const { account, subject, keyId } = caller;
  const [run_id, id] = [path[1]?.toLowerCase() ?? '', path[2]?.toLowerCase() ?? ''];
  Object.assign(state.log, { account, key_id: keyId, evaluation: id });
  const isAllowed = (caller.run ?? run_id) === run_id && (caller.evaluation ?? id) === id;
  if (request.method === 'GET') {
    if (!isAllowed) return NOT_FOUND;
    const sent = request.headers.get('x-d1-bookmark');
    const session = settings.DB.withSession(
      sent && ORIGIN.test(sent) ? sent : 'first-unconstrained',
    );
    const row = await get(session, state.cost, { id, run_id, account });
    state.bookmark = session.getBookmark();
    return row ?? NOT_FOUND;
  }
  const parsed = await parseUpdate(request, subject);
  if (parsed instanceof Refusal) return parsed;
  if (!isAllowed) return NOT_FOUND;
  const session = settings.DB.withSession('first-primary');
  const { row, explanation } = await update(session, state.cost, {
    id,
    run_id,
    account,
    subject,
    ...parsed,
  });
  state.bookmark = session.getBookmark();
  return row ?? resultOf(explanation, parsed, subject);
}

function resultOf(explanation: Explanation, update: Update, subject: string): Row | Refusal {
  const { is_own_write, is_repeatable, earlier_value, earlier_updated_at, ...rest } = explanation;
  const { value_type, min_value, max_value, categories, ...row } = rest;
  if (row.id === null) return NOT_FOUND;
  const { value, versions } = update;
  const immutable: { [field: string]: unknown } = JSON.parse(update.immutable);
  const stored: { [field: string]: unknown } = row;
  const changed = Object.keys(immutable).find((field) => immutable[field] !== stored[field]);
  const isImmutable = `${changed} cannot be changed: leave it out, or send it as it is stored.`;
  const isRetry = is_repeatable && row.value === value && row.updated_by === subject;
  const [written, updated_at] =
    is_own_write || isRetry ? [row.value, row.updated_at] : [earlier_value, earlier_updated_at];
  if (updated_at !== null) {
    if (changed !== undefined) return unprocessable(isImmutable);
    if (written !== value)
      return unprocessable(`The Idempotency-Key came before with the value ${written}.`);
    return { ...row, value, updated_by: subject, updated_at };
  }
  const version = row.updated_at ?? row.created_at;
  if (versions !== null && !JSON.parse(versions).includes(version)) {
    const sentence =
      'The evaluation is not as If-Match expects it: get it again, and send its present ETag.';
    return new Refusal(412, sentence, { refusal: 'precondition_failed' }, validatorsOf(row));
  }
  if (changed !== undefined) return unprocessable(isImmutable);
  if (value_type === 'binary') return unprocessable('value must be 0 or 1.');
  if (value_type === 'continuous')
    return unprocessable(`value must be between ${min_value} and ${max_value}.`);
  return unprocessable(`value must be one of ${categories}.`);
}

export default {
  async fetch(request: Request, settings: Settings): Promise<Response> {
    const started = Date.now();
    const { method, headers } = request;
    const sent = headers.get('x-request-id');
    const request_id = sent !== null && REQUEST_ID.test(sent) ? sent : crypto.randomUUID();
    const operation = method === 'GET' ? 'getEvaluation' : 'updateEvaluation';
    const log = { request_id, ray: headers.get('cf-ray') ?? undefined, method, operation };
    const cost: Cost = { store: 'd1', db_calls: 0, db_attempts: 0, rows_read: 0, rows_written: 0 };
    const state: State = { log, cost, bookmark: null };
    let isWritten = false;
    const writeLog = (ending: object) => {
      if (isWritten) return;
      isWritten = true;
      console.log(
        JSON.stringify({ ...log, ...cost, ...ending, duration_ms: Date.now() - started }),
      );
    };
    request.signal.addEventListener('abort', () => writeLog({ refusal: 'disconnected' }));

    const result = await handle(request, settings, state);
    const isRefused = result instanceof Refusal;
    const status = isRefused ? result.status : 200;
    const shared: Record<string, string> = {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': request_id,
      ...(isRefused ? result.headers : validatorsOf(result)),
    };
    if (state.bookmark !== null && status !== 404) shared['x-d1-bookmark'] = state.bookmark;
    const { updated_at, ...row } = isRefused ? { error: result.error, updated_at: null } : result;
    const body = updated_at === null ? row : { ...row, updated_at };
    writeLog({ status, ...(isRefused ? result.log : {}) });
    return new Response(JSON.stringify(body), { status, headers: shared });
  },
};
