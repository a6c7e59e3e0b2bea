/**
 * Reads a request's body as text or as JSON, and stops as soon as the body is over its limit.
 * Refuses invalid UTF-8, which `Request.json()` would replace without an error.
 */
import { Failure, malformed } from '../failure.ts';
import { BODY_MAX_BYTES } from '../limits.ts';
import { describeJsonFault, IS_FORM, isForm, NOT_JSON } from './json-fault.ts';

/** Matches `application/json` and any `+json` (RFC 6839 §3.1). */
const JSON_MEDIA_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)[ \t]*(?:;|$)/i;

const NOT_DECLARED_AS_JSON =
  'Send the body as JSON with the header Content-Type: application/json, which fetch and axios do not set for a string.';

const COMPRESSED = 'Send the body uncompressed, without the header Content-Encoding.';
const NOT_GZIP = 'Send the body uncompressed or as gzip, without any other Content-Encoding.';

type JsonObject = { readonly [name: string]: unknown };

/**
 * Reads a JSON object from a body of at most BODY_MAX_BYTES. If `isOptional`, an empty body counts
 * as `{}`.
 * @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`.
 */
export async function readJsonObject(
  request: Request,
  { isOptional = false } = {},
): Promise<JsonObject> {
  const mediaType = request.headers.get('content-type');
  // A body without a Content-Type is accepted, because simple programs often forget the header.
  if (mediaType && !JSON_MEDIA_TYPE.test(mediaType)) {
    // By default, curl sends even JSON with the Content-Type of a form.
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

/** RFC 9110 §8.4.1.3: a recipient should treat `x-gzip` like `gzip`. */
const GZIP = /^(?:x-)?gzip$/i;

/**
 * Reads a body of any media type as UTF-8 text. `maxBytes` limits both the compressed and the
 * decompressed body.
 * @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`.
 */
export async function readText(
  request: Request,
  maxBytes: number,
  { takesGzip = false } = {},
): Promise<string> {
  const encoding = request.headers.get('content-encoding');
  const isCompressed = takesGzip && encoding !== null && GZIP.test(encoding);
  if (encoding && !isCompressed && encoding.toLowerCase() !== 'identity') {
    throw new Failure('unsupported_media_type', takesGzip ? NOT_GZIP : COMPRESSED);
  }
  // With Content-Range, a body is only a part of a resource (RFC 9110 §14.5).
  if (request.headers.has('content-range')) {
    throw malformed('Send the whole body, without the header Content-Range.');
  }
  const bytes = await (isCompressed ? decompress(request, maxBytes) : readBytes(request, maxBytes));
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
  const contentLength = request.headers.get('content-length');
  if (Number(contentLength) > maxBytes) throw tooLarge(maxBytes);
  try {
    // A body is never longer than its Content-Length, so one read is enough. Reading chunks costs
    // far more.
    const hasLength = contentLength !== null && /^\d+$/.test(contentLength);
    const bytes = hasLength
      ? await request.arrayBuffer()
      : await readChunks(request.body ?? [], maxBytes);
    if (bytes.byteLength <= maxBytes) return bytes;
  } catch {
    throw malformed('The body ended before it was complete: send it again.');
  }
  throw tooLarge(maxBytes);
}

async function decompress(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes);
  try {
    const decompressed = request.body?.pipeThrough(new DecompressionStream('gzip'));
    const bytes = await readChunks(decompressed ?? [], maxBytes);
    if (bytes.byteLength <= maxBytes) return bytes;
  } catch {
    throw malformed('The body must be complete gzip, as its Content-Encoding says.');
  }
  throw tooLarge(maxBytes);
}

/** Returns the bytes of a body. Stops as soon as it has read more than `maxBytes`. */
async function readChunks(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
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
