/**
 * What an update sends, for same-promises: headers and body, read by hand as this Worker reads
 * them.
 */
import { Refusal } from './same-promises-token.ts';

export type Update = {
  readonly value: number;
  readonly immutable: string;
  readonly versions: string | null;
  readonly now: string;
  readonly write_id: string;
  readonly since: string;
  readonly is_repeatable: 0 | 1;
};

const BODY_MAX_BYTES = 64 * 1024;
const JSON_MEDIA_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)[ \t]*(?:;|$)/i;
const TAG = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*)?(?:,|$)/y;
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;
const IDS = ['id', 'run_id', 'evaluation_label_id', 'created_by_evaluator_id'];
const TEXTS = ['account_id', 'output_name', 'field_path', 'created_by'];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const malformed = (sentence: string) => new Refusal(400, sentence, { refusal: 'malformed' });

export async function parseUpdate(request: Request, subject: string): Promise<Update | Refusal> {
  const { headers } = request;
  if (headers.has('if-none-match'))
    return malformed('An update takes If-Match, not If-None-Match.');
  const versions = readIfMatch(headers.get('if-match'));
  if (versions instanceof Refusal) return versions;
  const sent =
    headers.get('idempotency-key') ?? headers.get('webhook-id') ?? headers.get('svix-id');
  const [, quoted, plain] = (sent !== null && KEY.exec(sent)) || [];
  const key = quoted ?? plain;
  if (sent !== null && key === undefined) return malformed('The Idempotency-Key is no key.');
  const body = await readBody(request);
  if (body instanceof Refusal) return body;
  const { value } = body;
  if (typeof value !== 'number' || !Number.isFinite(value))
    return malformed('value must be a JSON number.');
  const now = new Date();
  return {
    value,
    immutable: JSON.stringify(immutableIn(body)),
    versions: versions && JSON.stringify(versions),
    now: now.toISOString(),
    write_id:
      key === undefined
        ? crypto.randomUUID().replaceAll('-', '').slice(8)
        : await nameOf(subject, key),
    since: key === undefined ? now.toISOString() : '~',
    is_repeatable: key === undefined && versions === null ? 1 : 0,
  };
}

/** The versions that it names; null for any. */
function readIfMatch(header: string | null): string[] | null | Refusal {
  if (header === null || header.trim() === '*') return null;
  const versions: string[] = [];
  TAG.lastIndex = 0;
  while (TAG.lastIndex < header.length) {
    const tag = TAG.exec(header);
    if (!tag) return malformed('If-Match must be * or a list of entity tags.');
    if (tag[2] !== undefined && tag[1] === undefined) versions.push(tag[2]);
  }
  return versions;
}

async function readBody(request: Request): Promise<Readonly<Record<string, unknown>> | Refusal> {
  const { headers } = request;
  const type = headers.get('content-type');
  const encoding = headers.get('content-encoding');
  if ((type && !JSON_MEDIA_TYPE.test(type)) || (encoding && encoding !== 'identity'))
    return new Refusal(415, 'Send the body as JSON.', { refusal: 'unsupported_media_type' });
  if (headers.has('content-range')) return malformed('Send the whole body.');
  const tooLarge = new Refusal(413, `The body must be at most ${BODY_MAX_BYTES} bytes.`, {
    refusal: 'body_too_large',
  });
  if (Number(headers.get('content-length')) > BODY_MAX_BYTES) return tooLarge;
  try {
    const bytes = await request.arrayBuffer();
    if (bytes.byteLength > BODY_MAX_BYTES) return tooLarge;
    const body: unknown = JSON.parse(utf8.decode(bytes));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  } catch {}
  return malformed('The body must be a JSON object in UTF-8.');
}

/** The fields that no update changes, as they are stored. */
function immutableIn(body: Readonly<Record<string, unknown>>): object {
  const immutable: Record<string, unknown> = {};
  for (const name of IDS) if (name in body) immutable[name] = String(body[name]).toLowerCase();
  for (const name of TEXTS) if (name in body) immutable[name] = body[name];
  if ('created_at' in body)
    immutable['created_at'] = new Date(String(body['created_at'])).toISOString();
  return immutable;
}

async function nameOf(subject: string, key: string): Promise<string> {
  const hash = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(JSON.stringify(['update', subject, key])),
  );
  return [...new Uint8Array(hash, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
