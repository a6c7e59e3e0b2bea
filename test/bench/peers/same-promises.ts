/**
 * The floor with what this Worker promises of each answer: a request id, the headers, a D1 session and its bookmark, a
 * limit to D1's time, one log line. What it costs over the floor is what no writing can save.
 */
import { GET, PATH, readValue, type Settings, UPDATE, verify } from './by-hand.ts';

const D1_MAX_MS = 5000;

function answer(status: number, body: unknown, requestId: string, more: Record<string, string>): Response {
  const shared = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  };
  return new Response(JSON.stringify(body), { status, headers: { ...shared, ...more } });
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('D1 did not answer')), D1_MAX_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

type Row = { readonly created_at: string; readonly updated_at: string | null };

async function handle(request: Request, settings: Settings, requestId: string): Promise<Response> {
  const path = PATH.exec(request.url);
  if (!path) return answer(404, { error: 'No such path.' }, requestId, {});
  const claims = await verify(request.headers.get('authorization'), settings);
  if (!claims) return answer(401, { error: 'The token does not verify.' }, requestId, {});
  const session = settings.DB.withSession(request.method === 'GET' ? 'first-unconstrained' : 'first-primary');
  const scope = [path[2]?.toLowerCase(), path[1]?.toLowerCase(), claims.account_id];
  let statement: D1PreparedStatement;
  if (request.method === 'GET') {
    statement = session.prepare(GET).bind(...scope);
  } else {
    const value = await readValue(request);
    if (typeof value !== 'number') return value;
    statement = session.prepare(UPDATE).bind(...scope, value, claims.sub, new Date().toISOString());
  }
  const { results } = await inTime(statement.all<Row>());
  const [row] = results;
  if (!row) return answer(404, { error: 'Not found.' }, requestId, {});
  const bookmark = { 'x-d1-bookmark': session.getBookmark() ?? '' };
  return answer(200, row, requestId, { etag: `"${row.updated_at ?? row.created_at}"`, ...bookmark });
}

export default {
  async fetch(request: Request, settings: Settings): Promise<Response> {
    const started = Date.now();
    const requestId = request.headers.get('x-request-id') ?? crypto.randomUUID();
    const response = await handle(request, settings, requestId);
    const [{ method }, { status }] = [request, response];
    const line = {
      request_id: requestId,
      method,
      operation: 'updateEvaluation',
      status,
      duration_ms: Date.now() - started,
    };
    console.log(JSON.stringify(line));
    return response;
  },
};
