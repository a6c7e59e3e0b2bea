/**
 * A request's body as a JSON object, or a failure that says what to change. Reads at most the limit, and refuses invalid
 * UTF-8 instead of replacing it as `Request.json()` would.
 */
import { Failure, malformed } from '../failure.ts';

export const BODY_MAX_BYTES = 64 * 1024;

/** `application/json` and any `+json` (RFC 6839 §3.1), with or without parameters. */
const JSON_MEDIA_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)[ \t]*(?:;|$)/i;

export type JsonObject = { readonly [name: string]: unknown };

/** @throws {Failure} `unsupported_media_type`, `body_too_large` or `malformed`. */
export async function readJsonObject(request: Request): Promise<JsonObject> {
  const mediaType = request.headers.get('content-type');
  const encoding = request.headers.get('content-encoding');
  // A missing Content-Type is taken as JSON: small senders forget it and mean nothing else.
  if (mediaType && !JSON_MEDIA_TYPE.test(mediaType)) {
    throw new Failure(
      'unsupported_media_type',
      'Send the body as JSON with the header Content-Type: application/json, which fetch and axios do not set for a string.',
    );
  }
  if (encoding && encoding.toLowerCase() !== 'identity') {
    throw new Failure('unsupported_media_type', 'Send the body uncompressed, without the header Content-Encoding.');
  }
  // RFC 9110 §14.5: a part must not be taken for the whole.
  if (request.headers.has('content-range')) {
    throw malformed('Send the whole body, without the header Content-Range.');
  }
  const parsed = parseJson(await readBytes(request));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformed('The body must be a JSON object.');
  }
  return { ...parsed };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

function parseJson(bytes: ArrayBuffer | Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw malformed('The body must be valid JSON in UTF-8.');
  }
}

async function readBytes(request: Request): Promise<ArrayBuffer | Uint8Array> {
  const claimed = request.headers.get('content-length');
  if (Number(claimed) > BODY_MAX_BYTES) throw tooLarge();
  try {
    // HTTP holds a body to its Content-Length, so this one is short, and to read it at once costs far less.
    const isTold = claimed !== null && /^\d+$/.test(claimed);
    const bytes = isTold ? await request.arrayBuffer() : await readChunks(request);
    if (bytes.byteLength <= BODY_MAX_BYTES) return bytes;
  } catch {
    throw malformed('The body ended before it was complete: send it again.');
  }
  throw tooLarge();
}

/** The body; of one that is over the limit, as much as shows that it is. */
async function readChunks(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > BODY_MAX_BYTES) break;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

const tooLarge = () => new Failure('body_too_large', `The body must be at most ${BODY_MAX_BYTES} bytes.`);
