/**
 * Reads a request's body as text or as JSON. Stops reading as soon as the body is over its limit.
 * Refuses invalid UTF-8, which `Request.json()` would replace. A refusal says what to change.
 */
import { Failure, malformed } from '../failure.ts';
import { BODY_MAX_BYTES } from '../limits.ts';
import { describeJsonFault, IS_FORM, isForm, NOT_JSON } from './json-fault.ts';

/** Matches `application/json` and any `+json` (RFC 6839 §3.1), with or without parameters. */
const JSON_MEDIA_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)[ \t]*(?:;|$)/i;

const NOT_DECLARED_AS_JSON =
  'Send the body as JSON with the header Content-Type: application/json, which fetch and axios do not set for a string.';

type JsonObject = { readonly [name: string]: unknown };

/**
 * Reads a body of at most BODY_MAX_BYTES as a JSON object. If `isOptional`, an empty body counts as
 * an empty object.
 * @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`.
 */
export async function readJsonObject(
  request: Request,
  { isOptional = false } = {},
): Promise<JsonObject> {
  const mediaType = request.headers.get('content-type');
  // A missing Content-Type counts as JSON: small senders forget the header.
  if (mediaType && !JSON_MEDIA_TYPE.test(mediaType)) {
    // curl declares every body as a form, so only the body itself tells.
    const sent = await readText(request, BODY_MAX_BYTES).catch(() => '');
    throw new Failure('unsupported_media_type', isForm(sent) ? IS_FORM : NOT_DECLARED_AS_JSON);
  }
  const text = await readText(request, BODY_MAX_BYTES);
  const parsed = isOptional && text === '' ? {} : parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformed('The body must be a JSON object.');
  }
  return { ...parsed };
}

/**
 * Reads a body of any media type as UTF-8 text.
 * @throws {Failure} `unsupported_media_type` for a Content-Encoding, `body_too_large`, or
 * `malformed`.
 */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const encoding = request.headers.get('content-encoding');
  if (encoding && encoding.toLowerCase() !== 'identity') {
    throw new Failure(
      'unsupported_media_type',
      'Send the body uncompressed, without the header Content-Encoding.',
    );
  }
  // RFC 9110 §14.5: a server must not store a part as if it were the whole.
  if (request.headers.has('content-range')) {
    throw malformed('Send the whole body, without the header Content-Range.');
  }
  const bytes = await readBytes(request, maxBytes);
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed(NOT_JSON);
  }
}

/**
 * Parses JSON.
 * @throws {Failure} `malformed`.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(describeJsonFault(text));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

async function readBytes(request: Request, maxBytes: number): Promise<ArrayBuffer | Uint8Array> {
  const claimed = request.headers.get('content-length');
  if (Number(claimed) > maxBytes) throw tooLarge(maxBytes);
  try {
    // HTTP limits a body to its Content-Length, which is checked above. Reading the body in one
    // piece costs far less than reading chunks.
    const hasLength = claimed !== null && /^\d+$/.test(claimed);
    const bytes = hasLength ? await request.arrayBuffer() : await readChunks(request, maxBytes);
    if (bytes.byteLength <= maxBytes) return bytes;
  } catch {
    throw malformed('The body ended before it was complete: send it again.');
  }
  throw tooLarge(maxBytes);
}

/** Returns the body. If the body is over the limit, returns what was read until then. */
async function readChunks(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > maxBytes) break;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

const tooLarge = (maxBytes: number) =>
  new Failure('body_too_large', `The body must be at most ${maxBytes} bytes.`);
