/**
 * Signs and verifies the key in each link's URL. The key is the only credential of a request
 * through a link. The key contains the whole link and is signed with LINK_SECRET, so the database
 * does not store links.
 * - A key is a JWS without its protected header, because many senders store at most 255 characters
 *   of a URL. The header is the same for every key, and verification adds it again.
 * - The header has its own `typ`. So no operation accepts a link's key as an access token, and no
 *   link accepts an access token as its key (RFC 8725 §3.11).
 */
import { base64url, errors, FlattenedSign, flattenedVerify } from 'jose';
import * as v from 'valibot';
import { createTokenCache } from '../auth/token-cache.ts';
import type { LinkedPath } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { LINK_MAX_SECONDS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';

/** Maps a text in a sender's body to a value, such as `{"approved":1,"rejected":0}`. */
export type Values = { readonly [text: string]: number };

/** A JSON value that is neither an object nor an array. */
const Scalar = v.union([v.string(), v.number(), v.boolean(), v.null()]);
type Scalar = v.InferOutput<typeof Scalar>;

/**
 * Conditions on a sender's body. The value at each JSON Pointer must equal the given scalar, or any
 * scalar of the given array.
 */
export type Where = { readonly [pointer: string]: Scalar | readonly Scalar[] };

/**
 * The optional fields of a link, with their defaults. The key in the link's URL contains only the
 * fields that differ from their defaults.
 * If a key contains a field that the Worker does not know, the link does not work. Otherwise an
 * older Worker would ignore a new field, and could store a value that the field forbids.
 */
const Options = v.strictObject({
  /**
   * A JSON Pointer (RFC 6901) to the value in a sender's body. A link with a `path` does not use
   * it.
   */
  pointer: v.optional(v.string(), '/value'),
  /** A JSONPath (RFC 9535) to the value in a sender's body. */
  path: v.optional(v.string()),
  values: v.optional(v.record(v.string(), v.number()), {}),
  /**
   * A JSON Pointer (RFC 6901) to the name of the delivery in a sender's body. If it is set, the
   * Worker ignores the headers that name a delivery.
   */
  delivery: v.optional(v.string()),
  /** Conditions on a sender's body. The Worker ignores a body that does not meet them. */
  where: v.optional(v.record(v.string(), v.union([Scalar, v.array(Scalar)]))),
});
type Options = Readonly<Omit<v.InferOutput<typeof Options>, 'where'>> & {
  readonly where?: Where | undefined;
};

export const LINK_DEFAULTS: Options = v.parse(Options, {});

/**
 * A link lets everybody who has its URL set the value of one evaluation, in one author's name,
 * until the link expires.
 * - `id` is a UUID that begins with the time of expiry.
 * - `expires_at` is the same time: ISO 8601 in UTC, in whole seconds.
 * - A link does not contain the id of the run, because an evaluation's id is unique in its account.
 */
export type Link = Options & {
  readonly id: string;
  readonly expires_at: string;
  readonly account: AccountId;
  /** The author of the values: the `sub` of the link's creator, or `<sub>/<name>`. */
  readonly author: string;
  readonly evaluation_id: string;
};

/** The link as its creator receives it. */
export type EvaluationLink = Omit<Link, 'account' | 'pointer'> & {
  readonly url: string;
  readonly run_id: string;
  readonly pointer?: string;
};

/** The path of every link's URL. The key is in the query. */
export const LINK_PATH = '/v1/link';

const ALGORITHM = 'HS256';
/**
 * The protected header of every key. If the format of the payload changes, `typ` must change too.
 * Then a Worker that expects another format refuses the key.
 */
const HEADER = { alg: ALGORITHM, typ: 'link' };
const ENCODED_HEADER = base64url.encode(JSON.stringify(HEADER));

/**
 * Matches a key: the payload and a signature of 32 bytes, both in base64url.
 * The last of the 43 characters of a signature has two unused bits, which must be 0 (RFC 4648
 * §3.5). jose ignores the two bits. Without this check, four different texts would be the same key.
 */
const KEY = /^([\w-]+)\.([\w-]{42}[AEIMQUYcgkosw048])$/;
/**
 * Matches a text that may be a key without its end. The end may be missing from the payload or from
 * the signature. Even an empty text matches.
 */
const INCOMPLETE_KEY = /^[\w-]*(?:\.[\w-]{0,42})?$/;

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /**
   * Verifies a key and returns its link.
   * @throws {Failure} `malformed` if the key is incomplete; `not_found` if the key does not work
   * for another reason, such as its expiry.
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

  /** @throws {Failure} `malformed` if the key is incomplete, or `not_found`. */
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
/** The byte between two texts of a payload. UTF-8 never contains this byte. */
const SEPARATOR = 0xff;

/**
 * Encodes a link as the payload of its key:
 * - the ids of the link and of the evaluation, 16 bytes each
 * - the account and the author, separated by `SEPARATOR`
 * - the options that differ from their defaults, as JSON; left out if all have their defaults
 */
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

/** The texts of a payload: the account, the author, and the options as JSON. */
const Texts = v.strictTuple([
  v.string(),
  v.string(),
  v.optional(v.pipe(v.string(), v.parseJson(), Options)),
]);

/**
 * Decodes a payload.
 * @throws {Failure} `not_found` if the payload has another format, because another version of the
 * Worker signed the key.
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
    // The cast is safe: this Worker signed the key, and took the account from a verified token.
    account: account as AccountId,
    author,
    ...options,
  };
}

/**
 * Without `ignoreBOM`, the decoder would remove a byte order mark at the beginning of an account.
 * The result could be another account's name.
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

/**
 * Returns the time at which a link expires, in ISO 8601. The time is `seconds` after `now`, rounded
 * down to a whole second.
 */
export const computeExpiry = (now: string, seconds: number) =>
  new Date((Math.floor(Date.parse(now) / 1000) + seconds) * 1000).toISOString();

/**
 * Creates the id of a link: a UUID of version 8 (RFC 9562 §5.8) that begins with the time of expiry
 * in milliseconds. (A UUID of version 7 would begin with the present time instead.)
 * The database stores no links, so a caller revokes a link by its id alone. The time in the id
 * tells when the revocation can be deleted.
 */
export function createLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/**
 * The Worker expects the clocks of two edge locations to differ by at most this. If a location
 * whose clock is ahead created a link, the link may seem to expire later than LINK_MAX_SECONDS from
 * now. For the same reason, a revocation stays stored for an hour after its link has expired.
 */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/**
 * Returns the time of expiry in a link's id. Returns undefined if the time is so far in the future
 * that no link can have this id.
 */
export function readExpiry(id: string, now: string): string | undefined {
  const expires = decodeExpiry(id);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires.getTime() <= latest ? expires.toISOString() : undefined;
}

/** Reads the time of expiry at the beginning of a link's id. */
const decodeExpiry = (id: string) =>
  new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16));

/** Returns the principal of a request through a link, restricted to the link's evaluation. */
export const createLinkPrincipal = ({ id, account, author, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: undefined,
  evaluation: evaluation_id,
  link: id,
  keyId: undefined,
});

/** Returns the evaluation and the link as parameters of the SQL. */
export const getLinkedPath = ({ id, expires_at, evaluation_id }: Link): LinkedPath => ({
  run_id: null,
  id: evaluation_id,
  link_id: id,
  link_expires_at: expires_at,
});

/**
 * Makes the failure of a key whose end was cut off. Only the text of the key decides whether the
 * end is missing, so the response does not reveal which links exist.
 */
export const linkIsIncomplete = () =>
  new Failure(
    'malformed',
    'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.',
    {},
    { code: 'incomplete' },
  );

/**
 * Makes the failure of a link that does not work. The response is the same for every reason, so a
 * stranger learns nothing from it. Only the log line contains the reason, `code`.
 */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.',
    {},
    { code },
  );
