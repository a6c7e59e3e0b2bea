/** What the two floors share: the checks that a careful author would write by hand, as fast as possible, and the SQL. */
export type Settings = {
  readonly DB: D1Database;
  readonly JWT_ALG: string;
  readonly JWT_SECRET?: string;
  readonly JWT_JWKS?: string;
  readonly JWT_ISSUER: string;
  readonly JWT_AUDIENCE: string;
};

type Claims = {
  iss?: unknown;
  aud?: unknown;
  sub?: unknown;
  account_id?: unknown;
  exp?: unknown;
  nbf?: unknown;
};

const ALGORITHMS: { readonly [alg: string]: { name: string; hash?: string; namedCurve?: string } } = {
  HS256: { name: 'HMAC', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
  EdDSA: { name: 'Ed25519' },
};

export const PATH =
  /^https?:\/\/[^/]+\/v1\/run\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/evaluation\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const BEARER = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i;
const BODY_MAX_CHARS = 65_536;

const COLUMNS =
  'id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_by_evaluator_id, created_at, updated_by, updated_at';
export const GET = `SELECT ${COLUMNS} FROM run_evaluation WHERE id = ?1 AND run_id = ?2 AND account_id = ?3`;
export const UPDATE = `UPDATE run_evaluation SET value = ?4, updated_by = ?5, updated_at = ?6
WHERE id = ?1 AND run_id = ?2 AND account_id = ?3 AND NOT EXISTS (
  SELECT 1 FROM evaluation_label AS label WHERE label.id = evaluation_label_id AND (?4 < label.min_value OR ?4 > label.max_value)
) RETURNING ${COLUMNS}`;

export const refuse = (status: number, error: string) =>
  new Response(JSON.stringify({ error }), { status, headers: { 'content-type': 'application/json' } });

const utf8 = new TextEncoder();
const text = new TextDecoder();
const base64url = { alphabet: 'base64url' };
declare global {
  interface Uint8ArrayConstructor {
    fromBase64(text: string, options: { alphabet: string }): Uint8Array;
  }
}

let key: CryptoKey | undefined;

async function importKey({ JWT_ALG, JWT_SECRET, JWT_JWKS }: Settings): Promise<CryptoKey> {
  const params = ALGORITHMS[JWT_ALG] ?? { name: '' };
  if (JWT_SECRET) return crypto.subtle.importKey('raw', utf8.encode(JWT_SECRET), params, false, ['verify']);
  return crypto.subtle.importKey('jwk', JSON.parse(JWT_JWKS ?? '').keys[0], params, false, ['verify']);
}

export async function verify(header: string | null, settings: Settings): Promise<Claims | undefined> {
  const parts = header && BEARER.exec(header);
  if (!parts) return undefined;
  const [, head = '', body = '', signature = ''] = parts;
  try {
    const { alg } = JSON.parse(text.decode(Uint8Array.fromBase64(head, base64url)));
    if (alg !== settings.JWT_ALG) return undefined;
    key ??= await importKey(settings);
    const params = ALGORITHMS[alg] ?? { name: '' };
    const bytes = Uint8Array.fromBase64(signature, base64url);
    if (!(await crypto.subtle.verify(params, key, bytes, utf8.encode(`${head}.${body}`)))) return undefined;
    const claims: Claims = JSON.parse(text.decode(Uint8Array.fromBase64(body, base64url)));
    const now = Date.now() / 1000;
    if (typeof claims.exp !== 'number' || claims.exp <= now) return undefined;
    if (claims.nbf !== undefined && (typeof claims.nbf !== 'number' || claims.nbf > now)) return undefined;
    if (claims.iss !== settings.JWT_ISSUER || claims.aud !== settings.JWT_AUDIENCE) return undefined;
    if (typeof claims.sub !== 'string' || claims.sub === '') return undefined;
    if (typeof claims.account_id !== 'string' || claims.account_id === '') return undefined;
    return claims;
  } catch {
    return undefined;
  }
}

export async function readValue(request: Request): Promise<number | Response> {
  const type = request.headers.get('content-type');
  if (type !== null && !type.startsWith('application/json')) return refuse(415, 'Send JSON.');
  if (Number(request.headers.get('content-length')) > BODY_MAX_CHARS) return refuse(413, 'The body is too large.');
  const body = await request.text();
  if (body.length > BODY_MAX_CHARS) return refuse(413, 'The body is too large.');
  try {
    const value: unknown = JSON.parse(body).value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  } catch {}
  return refuse(400, 'The body must be a JSON object with a finite number as value.');
}
