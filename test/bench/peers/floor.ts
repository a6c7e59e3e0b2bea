/**
 * The floor: one Worker written by hand for one route, to be as fast as possible while it keeps the
 * published contract (200,
 * 401, 404) and checks of the token and the body what a careful author would. WebCrypto and no
 * library; no session, no retry, no request id, no log line, no history.
 */
import { algorithmOf, importKey, PATH, type Settings } from './by-hand.ts';

type Claims = {
  iss?: unknown;
  aud?: unknown;
  sub?: unknown;
  account_id?: unknown;
  exp?: unknown;
  nbf?: unknown;
};

const BEARER = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i;
const BODY_MAX_CHARS = 65_536;

const COLUMNS =
  'id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_by_evaluator_id, created_at, updated_by, updated_at';
const GET = `SELECT ${COLUMNS} FROM run_evaluation WHERE id = ?1 AND run_id = ?2 AND account_id = ?3`;
const UPDATE = `UPDATE run_evaluation SET value = ?4, updated_by = ?5, updated_at = ?6
WHERE id = ?1 AND run_id = ?2 AND account_id = ?3 AND NOT EXISTS (
  SELECT 1 FROM evaluation_label AS label WHERE label.id = evaluation_label_id AND (?4 < label.min_value OR ?4 > label.max_value)
) RETURNING ${COLUMNS}`;

const JSON_HEADERS = { 'content-type': 'application/json' };

const refuse = (status: number, error: string) =>
  new Response(JSON.stringify({ error }), { status, headers: JSON_HEADERS });

const utf8 = new TextEncoder();
const text = new TextDecoder();
const base64url = { alphabet: 'base64url' };
declare global {
  interface Uint8ArrayConstructor {
    fromBase64(text: string, options: { alphabet: string }): Uint8Array;
  }
}

let key: CryptoKey | undefined;

async function verify(header: string | null, settings: Settings): Promise<Claims | undefined> {
  const parts = header && BEARER.exec(header);
  if (!parts) return undefined;
  const [, head = '', body = '', signature = ''] = parts;
  try {
    const { alg } = JSON.parse(text.decode(Uint8Array.fromBase64(head, base64url)));
    if (alg !== settings.JWT_ALG) return undefined;
    key ??= await importKey(settings);
    const bytes = Uint8Array.fromBase64(signature, base64url);
    if (!(await crypto.subtle.verify(algorithmOf(alg), key, bytes, utf8.encode(`${head}.${body}`))))
      return undefined;
    const claims: Claims = JSON.parse(text.decode(Uint8Array.fromBase64(body, base64url)));
    const now = Date.now() / 1000;
    if (typeof claims.exp !== 'number' || claims.exp <= now) return undefined;
    if (claims.nbf !== undefined && (typeof claims.nbf !== 'number' || claims.nbf > now))
      return undefined;
    if (claims.iss !== settings.JWT_ISSUER || claims.aud !== settings.JWT_AUDIENCE)
      return undefined;
    if (typeof claims.sub !== 'string' || claims.sub === '') return undefined;
    if (typeof claims.account_id !== 'string' || claims.account_id === '') return undefined;
    return claims;
  } catch {
    return undefined;
  }
}

async function readValue(request: Request): Promise<number | Response> {
  const type = request.headers.get('content-type');
  if (type !== null && !type.startsWith('application/json')) return refuse(415, 'Send JSON.');
  if (Number(request.headers.get('content-length')) > BODY_MAX_CHARS)
    return refuse(413, 'The body is too large.');
  const body = await request.text();
  if (body.length > BODY_MAX_CHARS) return refuse(413, 'The body is too large.');
  try {
    const value: unknown = JSON.parse(body).value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  } catch {}
  return refuse(400, 'The body must be a JSON object with a finite number as value.');
}

export default {
  async fetch(request: Request, settings: Settings): Promise<Response> {
    const path = PATH.exec(request.url);
    if (!path) return refuse(404, 'No such path.');
    if (request.method !== 'PUT' && request.method !== 'GET') return refuse(405, 'PUT or GET.');
    const claims = await verify(request.headers.get('authorization'), settings);
    if (!claims) return refuse(401, 'The token does not verify.');
    const scope = [path[2]?.toLowerCase(), path[1]?.toLowerCase(), claims.account_id];
    let statement: D1PreparedStatement;
    if (request.method === 'GET') {
      statement = settings.DB.prepare(GET).bind(...scope);
    } else {
      const value = await readValue(request);
      if (typeof value !== 'number') return value;
      statement = settings.DB.prepare(UPDATE).bind(
        ...scope,
        value,
        claims.sub,
        new Date().toISOString(),
      );
    }
    const { results } = await statement.all();
    return results[0]
      ? new Response(JSON.stringify(results[0]), { headers: JSON_HEADERS })
      : refuse(404, 'Not found.');
  },
};
