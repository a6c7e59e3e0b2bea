/**
 * Signs and verifies the key in a link's URL, which contains all data of the link.
 * A key is a JWS without its protected header, because many senders store only 255 characters of a
 * URL. The header's `typ: link` tells a key from an access token (RFC 8725 §3.11).
 */
import { base64url, errors, FlattenedSign, flattenedVerify } from 'jose';
import * as v from 'valibot';
import { createTokenCache } from '../auth/token-cache.ts';
import type { LinkedPath } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { LINK_MAX_SECONDS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';

/** The number for each text in a sender's body, such as `{"approved":1,"rejected":0}`. */
export type Values = { readonly [text: string]: number };

const Scalar = v.union([v.string(), v.number(), v.boolean(), v.null()]);
type Scalar = v.InferOutput<typeof Scalar>;

/**
 * Conditions on a sender's body, such as `{"/state":"done"}`. The value at each pointer must equal
 * the scalar, or one of several scalars.
 */
export type Where = { readonly [pointer: string]: Scalar | readonly Scalar[] };

/**
 * Keep this object strict. A Worker that ignored an unknown option could store a value that the
 * option forbids.
 */
const Options = v.strictObject({
  /** A JSON Pointer (RFC 6901) to the value in a sender's body, unless the link has a `path`. */
  pointer: v.optional(v.string(), '/value'),
  /** A JSONPath (RFC 9535) to the value in a sender's body. */
  path: v.optional(v.string()),
  values: v.optional(v.record(v.string(), v.number()), {}),
  /** A JSON Pointer to the id of the delivery in a sender's body, used instead of the headers. */
  delivery: v.optional(v.string()),
  /** If the body does not meet all conditions, the Worker stores nothing and answers with 204. */
  where: v.optional(v.record(v.string(), v.union([Scalar, v.array(Scalar)]))),
});
type Options = Readonly<Omit<v.InferOutput<typeof Options>, 'where'>> & {
  readonly where?: Where | undefined;
};

export const LINK_DEFAULTS: Options = v.parse(Options, {});

/**
 * A link has no run, because an evaluation's id is unique in its account. `expires_at` is ISO 8601
 * in UTC, rounded down to a whole second.
 */
export type Link = Options & {
  readonly id: string;
  readonly expires_at: string;
  readonly account: AccountId;
  /** The author of the values: the `sub` of the link's creator, or `<sub>/<name>`. */
  readonly author: string;
  readonly evaluation_id: string;
};

export type EvaluationLink = Omit<Link, 'account' | 'pointer'> & {
  readonly url: string;
  readonly run_id: string;
  readonly pointer?: string;
};

export const LINK_PATH = '/v1/link';

const ALGORITHM = 'HS256';
/**
 * Change `typ` if the format of the payload changes. Then other versions of the Worker refuse the
 * key.
 */
const HEADER = { alg: ALGORITHM, typ: 'link' };
const ENCODED_HEADER = base64url.encode(JSON.stringify(HEADER));

/**
 * Matches a key in its only valid form. The last character of the signature has two unused bits,
 * which must be 0 (RFC 4648 §3.5). jose ignores these bits.
 */
const KEY = /^([\w-]+)\.([\w-]{42}[AEIMQUYcgkosw048])$/;
const INCOMPLETE_KEY = /^[\w-]*(?:\.[\w-]{0,42})?$/;

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /**
   * Returns the link of a valid key.
   * @throws {Failure} `malformed` if the end of the key is missing; otherwise `not_found`.
   */
  readonly verify: (key: string, now: Date) => Promise<Link>;
};

/**
 * Creates the functions that sign and verify the keys of links.
 * @throws {Failure} `not_found` if the setting LINK_SECRET is missing.
 */
export async function createLinkKeys(secret: BufferSource | undefined): Promise<LinkKeys> {
  if (!secret) {
    const sentence = 'This deployment has no links: its setting LINK_SECRET is missing.';
    throw new Failure('not_found', sentence);
  }
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const cryptoKey = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign', 'verify']);
  const cache = createTokenCache<Link>();

  /** Returns the link of a key, even if the link has expired. */
  async function verifySignature(key: string): Promise<Link> {
    const [, payload, signature] = KEY.exec(key) ?? [];
    if (payload === undefined || signature === undefined)
      throw INCOMPLETE_KEY.test(key) ? linkIsIncomplete() : linkNotFound('malformed');
    const jws = { protected: ENCODED_HEADER, payload, signature };
    const verified = await flattenedVerify(jws, cryptoKey, { algorithms: [ALGORITHM] }).catch(
      (thrown: unknown) => {
        throw thrown instanceof errors.JOSEError ? linkNotFound(thrown.code) : thrown;
      },
    );
    const link = unpack(verified.payload);
    cache.set(key, link);
    return link;
  }

  return {
    sign: async (link) => {
      const jws = new FlattenedSign(pack(link)).setProtectedHeader(HEADER);
      const { payload, signature } = await jws.sign(cryptoKey);
      return `${payload}.${signature}`;
    },
    verify: async (key, now) => {
      const link = cache.get(key) ?? (await verifySignature(key));
      if (now >= new Date(link.expires_at)) throw linkNotFound('expired');
      return link;
    },
  };
}

const UUID_BYTES = 16;
/** UTF-8 never contains this byte. */
const SEPARATOR = 0xff;

/** Encodes a link as the payload of its key. README.md describes the format. */
function pack({ id, evaluation_id, account, author, expires_at, ...options }: Link): Uint8Array {
  const chosen = Object.entries<unknown>(options).filter(
    ([name, value]) =>
      JSON.stringify(value) !== JSON.stringify(LINK_DEFAULTS[name as keyof Options]),
  );
  const texts = [account, author];
  if (chosen.length > 0) texts.push(JSON.stringify(Object.fromEntries(chosen)));
  const separated = texts.flatMap((text) => [SEPARATOR, ...new TextEncoder().encode(text)]);
  return new Uint8Array([...encodeUuid(id), ...encodeUuid(evaluation_id), ...separated.slice(1)]);
}

/** The account, the author, and the options as JSON. */
const Texts = v.strictTuple([
  v.string(),
  v.string(),
  v.optional(v.pipe(v.string(), v.parseJson(), Options)),
]);

/**
 * Decodes a payload. Another version of the Worker may have signed a payload of an unknown format.
 */
function unpack(payload: Uint8Array): Link {
  const [id, evaluation_id] = [decodeUuid(payload, 0), decodeUuid(payload, UUID_BYTES)];
  const { success, output } = v.safeParse(Texts, splitTexts(payload.subarray(2 * UUID_BYTES)));
  if (!success) throw linkNotFound('payload');
  const [account, author, options = LINK_DEFAULTS] = output;
  return {
    id,
    expires_at: decodeExpiry(id).toISOString(),
    evaluation_id,
    // The cast is safe: a Worker of this deployment took the account from a verified token.
    account: account as AccountId,
    author,
    ...options,
  };
}

/**
 * Without `ignoreBOM`, the decoder would drop a byte order mark at the beginning of an account, and
 * the key would name another account.
 */
const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

function splitTexts(bytes: Uint8Array): readonly string[] {
  const end = bytes.indexOf(SEPARATOR);
  const text = utf8.decode(end === -1 ? bytes : bytes.subarray(0, end));
  return end === -1 ? [text] : [text, ...splitTexts(bytes.subarray(end + 1))];
}

const encodeUuid = (uuid: string) => Uint8Array.fromHex(uuid.replaceAll('-', ''));

const decodeUuid = (bytes: Uint8Array, index: number) =>
  bytes
    .subarray(index, index + UUID_BYTES)
    .toHex()
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Returns the time of expiry in ISO 8601, rounded down to a whole second. */
export const computeExpiry = (now: string, seconds: number) =>
  new Date((Math.floor(Date.parse(now) / 1000) + seconds) * 1000).toISOString();

/**
 * Creates a UUID of version 8 (RFC 9562 §5.8) that begins with the time of expiry in milliseconds.
 * A revocation reads this time from the id, because the database stores no links.
 */
export function createLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/** The clocks of two edge locations differ by less than this. */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/** Returns the time of expiry in a link's id; undefined if no link can last so long. */
export function readExpiry(id: string, now: string): string | undefined {
  const expires = decodeExpiry(id);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires.getTime() <= latest ? expires.toISOString() : undefined;
}

const decodeExpiry = (id: string) =>
  new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16));

/** Returns a principal that may access only the link's evaluation. */
export const createLinkPrincipal = ({ id, account, author, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: undefined,
  evaluation: evaluation_id,
  link: id,
  keyId: undefined,
});

/** Returns the link's parameters for SQL statements. */
export const getLinkedPath = ({ id, expires_at, evaluation_id }: Link): LinkedPath => ({
  run_id: null,
  id: evaluation_id,
  link_id: id,
  link_expires_at: expires_at,
});

/**
 * Creates the failure for a key whose end is missing. The Worker reads only the key's text, so the
 * response does not reveal which links exist.
 */
export const linkIsIncomplete = () =>
  new Failure(
    'malformed',
    'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.',
    {},
    { code: 'incomplete' },
  );

/**
 * Creates the failure for a link that does not work. Only the log has the reason `code`, so a
 * stranger learns nothing.
 */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.',
    {},
    { code },
  );
