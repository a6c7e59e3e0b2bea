/**
 * Signs and verifies the key in each link's URL. A request through a link needs no token, only this
 * key. The key contains all data of the link and is signed with LINK_SECRET, so the database does
 * not store links.
 * - A key is a JWS without its protected header. The header is equal in all keys, so the Worker
 *   adds it before it verifies a key. A key without the header is shorter, and many senders store
 *   at most 255 characters of a URL.
 * - The header has `typ: link`, which no access token has. So no operation accepts a link's key as
 *   an access token, and no link accepts an access token as its key (RFC 8725 §3.11).
 */
import { base64url, errors, FlattenedSign, flattenedVerify } from 'jose';
import * as v from 'valibot';
import { createTokenCache } from '../auth/token-cache.ts';
import type { LinkedPath } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { LINK_MAX_SECONDS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';

/**
 * A table that translates texts to numbers, such as `{"approved":1,"rejected":0}`. If a sender's
 * body contains one of the texts at the link's pointer or path, the Worker stores the text's number
 * as the value.
 */
export type Values = { readonly [text: string]: number };

/** A JSON value that is neither an object nor an array. */
const Scalar = v.union([v.string(), v.number(), v.boolean(), v.null()]);
type Scalar = v.InferOutput<typeof Scalar>;

/**
 * Conditions on the body that a sender posts, such as `{"/state":"done"}`. Each name is a JSON
 * Pointer. In the body, the value at the pointer must equal the given scalar. If an array of
 * scalars is given, the value must equal one of them.
 */
export type Where = { readonly [pointer: string]: Scalar | readonly Scalar[] };

/**
 * The optional fields of a link, with their defaults. The key in the link's URL contains only the
 * fields that differ from their defaults.
 * A key may come from a newer version of the Worker and contain a field that this version does not
 * know. This version then refuses the key. If it ignored the field, it could store a value that the
 * field forbids.
 */
const Options = v.strictObject({
  /**
   * A JSON Pointer (RFC 6901) to the value in a sender's body. If the link has a `path`, the Worker
   * ignores `pointer`.
   */
  pointer: v.optional(v.string(), '/value'),
  /** A JSONPath (RFC 9535) to the value in a sender's body. */
  path: v.optional(v.string()),
  values: v.optional(v.record(v.string(), v.number()), {}),
  /**
   * A JSON Pointer (RFC 6901) to the id of the delivery in a sender's body (delivery.ts). If this
   * pointer is set, the Worker does not look for the id in the headers.
   */
  delivery: v.optional(v.string()),
  /**
   * Conditions on a sender's body. If the body does not meet all of them, the Worker stores nothing
   * and answers with 204.
   */
  where: v.optional(v.record(v.string(), v.union([Scalar, v.array(Scalar)]))),
});
type Options = Readonly<Omit<v.InferOutput<typeof Options>, 'where'>> & {
  readonly where?: Where | undefined;
};

export const LINK_DEFAULTS: Options = v.parse(Options, {});

/**
 * The data of a link. Until the link expires, anyone who has its URL can set the value of one
 * evaluation. `author` is stored as the author of each value.
 * - `id` is a UUID that begins with the time of expiry.
 * - `expires_at` is the time of expiry in ISO 8601, in UTC and rounded to a whole second.
 * - The id of the run is missing. The Worker does not need it, because an evaluation's id is unique
 *   in its account.
 */
export type Link = Options & {
  readonly id: string;
  readonly expires_at: string;
  readonly account: AccountId;
  /** The author of the values: the `sub` of the link's creator, or `<sub>/<name>`. */
  readonly author: string;
  readonly evaluation_id: string;
};

/** A new link, as the API returns it to the caller who created it. */
export type EvaluationLink = Omit<Link, 'account' | 'pointer'> & {
  readonly url: string;
  readonly run_id: string;
  readonly pointer?: string;
};

/** The path of every link's URL. The key follows in the query string: `/v1/link?key=…`. */
export const LINK_PATH = '/v1/link';

const ALGORITHM = 'HS256';
/**
 * The protected header of every key. If a new version of the Worker changes the format of the
 * payload, it must also change `typ`. The signature covers `typ`, so an older version then refuses
 * the new keys, and the new version refuses the old keys.
 */
const HEADER = { alg: ALGORITHM, typ: 'link' };
const ENCODED_HEADER = base64url.encode(JSON.stringify(HEADER));

/**
 * Matches a key: the payload and a signature of 32 bytes, both in base64url.
 * The signature has 43 characters. The last character contains two unused bits, which must be 0
 * (RFC 4648 §3.5). jose ignores the two bits, so it accepts four different last characters. This
 * expression accepts only one of the four, so each key has only one valid spelling.
 */
const KEY = /^([\w-]+)\.([\w-]{42}[AEIMQUYcgkosw048])$/;
/**
 * Matches a text that may be the beginning of a key. The text may end in the payload or in the
 * signature. Even an empty text matches.
 */
const INCOMPLETE_KEY = /^[\w-]*(?:\.[\w-]{0,42})?$/;

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /**
   * Verifies a key and returns its link.
   * @throws {Failure} `malformed` if the end of the key is missing; `not_found` if the key is wrong
   * in another way, or if the link has expired.
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

  /**
   * Verifies the signature of a key and returns its link, even if the link has expired.
   * @throws {Failure} `malformed` if the end of the key is missing; `not_found` if the key is wrong
   * in another way.
   */
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
/** The byte that separates the texts in a payload. UTF-8 never contains this byte. */
const SEPARATOR = 0xff;

/**
 * Encodes a link as the payload of its key:
 * - the link's id and the evaluation's id, 16 bytes each
 * - the account
 * - the author
 * - the options that differ from their defaults, as one JSON object; left out if no option differs
 * A `SEPARATOR` stands before the author and before the options.
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
 * Decodes the payload of a key whose signature is valid.
 * @throws {Failure} `not_found` if the payload has an unknown format. A newer or older version of
 * the Worker may have signed the key.
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
    // The cast is safe. The signature shows that a Worker of this deployment created the key, and
    // that Worker took the account from a verified token.
    account: account as AccountId,
    author,
    ...options,
  };
}

/**
 * Decodes the texts of a payload. The option `ignoreBOM` keeps a byte order mark at the beginning
 * of a text. Without the option, an account whose name begins with the mark would lose it, and
 * could become another account.
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
 * The database does not store links. So if a caller revokes a link, the Worker knows only the
 * link's id, and reads the time of expiry from the id. After that time, the database can delete the
 * row of the revocation.
 */
export function createLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/**
 * The largest difference that the Worker expects between the clocks of two edge locations.
 * Suppose that the clock of location A is ahead, and a caller creates a link at A. At location B,
 * the link may then seem to expire later than LINK_MAX_SECONDS from now. `readExpiry` still accepts
 * the id of such a link. The clock of a location may also be behind, so the database keeps a
 * revocation for one hour after the link has expired.
 */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/**
 * Returns the time of expiry that a link's id contains. Returns undefined if the time is too far in
 * the future, because then the Worker cannot have created the id.
 */
export function readExpiry(id: string, now: string): string | undefined {
  const expires = decodeExpiry(id);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires.getTime() <= latest ? expires.toISOString() : undefined;
}

/** Reads the time of expiry from the beginning of a link's id. */
const decodeExpiry = (id: string) =>
  new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16));

/**
 * Returns the principal (the caller and its rights) for a request through a link. The principal may
 * access only the link's evaluation.
 */
export const createLinkPrincipal = ({ id, account, author, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: undefined,
  evaluation: evaluation_id,
  link: id,
  keyId: undefined,
});

/** Returns the ids of the evaluation and of the link, as parameters for SQL statements. */
export const getLinkedPath = ({ id, expires_at, evaluation_id }: Link): LinkedPath => ({
  run_id: null,
  id: evaluation_id,
  link_id: id,
  link_expires_at: expires_at,
});

/**
 * Creates the failure for a key whose end is missing. The Worker recognises such a key by its text
 * alone, so the response does not reveal which links exist.
 */
export const linkIsIncomplete = () =>
  new Failure(
    'malformed',
    'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.',
    {},
    { code: 'incomplete' },
  );

/**
 * Creates the failure for a link that does not work. The response never tells the reason, so a
 * stranger learns nothing from it. `code` is the reason, and appears only in the log.
 */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.',
    {},
    { code },
  );
