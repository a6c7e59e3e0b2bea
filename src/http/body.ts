/**
 * A request's body as text or as JSON, or a failure that says what to change. Reads at most the limit, and refuses invalid
 * UTF-8 instead of replacing it as `Request.json()` would.
 */
import { Failure, malformed } from '../failure.ts';
import { BODY_MAX_BYTES } from '../limits.ts';

/** `application/json` and any `+json` (RFC 6839 §3.1), with or without parameters. */
const JSON_MEDIA_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)[ \t]*(?:;|$)/i;

export type JsonObject = { readonly [name: string]: unknown };

/**
 * `isOptional` makes an empty body an empty object.
 * @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`.
 */
export async function readJsonObject(
  request: Request,
  { isOptional = false } = {},
): Promise<JsonObject> {
  const mediaType = request.headers.get('content-type');
  // A missing Content-Type is taken as JSON: small senders forget it and mean nothing else.
  if (mediaType && !JSON_MEDIA_TYPE.test(mediaType)) {
    throw new Failure(
      'unsupported_media_type',
      'Send the body as JSON with the header Content-Type: application/json, which fetch and axios do not set for a string.',
    );
  }
  const text = await readText(request, BODY_MAX_BYTES);
  const parsed = isOptional && text === '' ? {} : parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformed('The body must be a JSON object.');
  }
  return { ...parsed };
}

/** Whatever its media type. @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const encoding = request.headers.get('content-encoding');
  if (encoding && encoding.toLowerCase() !== 'identity') {
    throw new Failure(
      'unsupported_media_type',
      'Send the body uncompressed, without the header Content-Encoding.',
    );
  }
  // RFC 9110 §14.5: a part must not be taken for the whole.
  if (request.headers.has('content-range')) {
    throw malformed('Send the whole body, without the header Content-Range.');
  }
  const bytes = await readBytes(request, maxBytes);
  try {
    return utf8.decode(bytes);
  } catch {
    throw notJson();
  }
}

/** @throws {Failure} `malformed`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

const notJson = () => malformed('The body must be valid JSON in UTF-8.');

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

async function readBytes(request: Request, maxBytes: number): Promise<ArrayBuffer | Uint8Array> {
  const claimed = request.headers.get('content-length');
  if (Number(claimed) > maxBytes) throw tooLarge(maxBytes);
  try {
    // HTTP holds a body to its Content-Length, so this one is short, and to read it at once costs far less.
    const isTold = claimed !== null && /^\d+$/.test(claimed);
    const bytes = isTold ? await request.arrayBuffer() : await readChunks(request, maxBytes);
    if (bytes.byteLength <= maxBytes) return bytes;
  } catch {
    throw malformed('The body ended before it was complete: send it again.');
  }
  throw tooLarge(maxBytes);
}

/** The body; of one that is over the limit, as much as shows that it is. */
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
