/**
 * Defines a link and its key, a text that only this Worker can sign, with LINK_SECRET. The key
 * contains the whole link, so the database stores nothing of a link. Many senders store URLs of at
 * most 255 characters, so the key is packed: it is a JWS without its protected header. The header
 * is the same for every key, and verification adds the header again. The header's `typ` keeps a key
 * from passing as an access token, and an access token from passing as a key (RFC 8725 §3.11).
 */
import { base64url, errors, FlattenedSign, flattenedVerify } from 'jose';
import * as v from 'valibot';
import { createTokenCache } from '../auth/token-cache.ts';
import type { LinkedPath } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { LINK_MAX_SECONDS } from '../limits.ts';
import type { AccountId, Principal } from '../principal.ts';

/** Maps the text of a scalar in a sender's body to the evaluation's value. */
export type Values = { readonly [text: string]: number };

/** A JSON value without parts. */
const Scalar = v.union([v.string(), v.number(), v.boolean(), v.null()]);
type Scalar = v.InferOutput<typeof Scalar>;

/**
 * Conditions on a sender's body: each JSON Pointer, with the scalar or scalars that it must find.
 */
export type Where = { readonly [pointer: string]: Scalar | readonly Scalar[] };

/**
 * The fields of a link that its creator may leave out, with their defaults. A key leaves defaults
 * out. A key with an unknown field does not work: an older Worker that ignored the field could
 * store a value that the field forbids.
 */
const Options = v.strictObject({
  /**
   * A JSON Pointer to the value in a sender's body (RFC 6901). A link with a path does not use the
   * pointer.
   */
  pointer: v.optional(v.string(), '/value'),
  /** A JSONPath (RFC 9535) to the value. */
  path: v.optional(v.string()),
  values: v.optional(v.record(v.string(), v.number()), {}),
  /**
   * A JSON Pointer to the name of the delivery in the body (RFC 6901). With it, no header names the
   * delivery.
   */
  delivery: v.optional(v.string()),
  /** The conditions on a body. The Worker ignores bodies that do not fit. */
  where: v.optional(v.record(v.string(), v.union([Scalar, v.array(Scalar)]))),
});
type Options = Readonly<Omit<v.InferOutput<typeof Options>, 'where'>> & {
  readonly where?: Where | undefined;
};

/** The defaults of a link's options. */
export const LINK_DEFAULTS: Options = v.parse(Options, {});

/**
 * A link lets everybody who has it give one evaluation a value, in one author's name, until the
 * link expires. `id` begins with the time of expiry. `expires_at` is the same time: ISO 8601 in
 * UTC, in whole seconds. A link has no run, because an evaluation's id is unique in its account.
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

/** The path of a link, without its key. */
export const LINK_PATH = '/v1/link';

const ALGORITHM = 'HS256';
/** The protected header of every key. Another format of the payload needs another `typ`. */
const HEADER = { alg: ALGORITHM, typ: 'link' };
const ENCODED_HEADER = base64url.encode(JSON.stringify(HEADER));

/**
 * Matches a key: a payload and a signature of 32 bytes, in base64url without stray bits in the last
 * character (RFC 4648 §3.5). With stray bits, which jose's decoder accepts, two texts would be the
 * same key.
 */
const KEY = /^([\w-]+)\.([\w-]{42}[AEIMQUYcgkosw048])$/;
/** Matches the beginning of a key: nothing, a part of the payload, or a part of the signature. */
const INCOMPLETE_KEY = /^[\w-]*(?:\.[\w-]{0,42})?$/;

export type LinkKeys = {
  readonly sign: (link: Link) => Promise<string>;
  /**
   * Returns the link in a key.
   * @throws {Failure} `malformed` if the key is incomplete, or `not_found`.
   */
  readonly verify: (key: string, now: Date) => Promise<Link>;
};

/**
 * Creates the functions that sign and verify keys.
 * @throws {Failure} `not_found` if the secret is missing.
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
/** Separates the texts of a payload. No text in UTF-8 contains this byte. */
const SEPARATOR = 0xff;

/**
 * Returns the payload of a key. The ids of the link and the evaluation come first, as 16 bytes
 * each. Then come the account, the author, and the options that differ from their defaults, as
 * JSON.
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

/** The texts of a payload: account, author, and the options as JSON. */
const Texts = v.strictTuple([
  v.string(),
  v.string(),
  v.optional(v.pipe(v.string(), v.parseJson(), Options)),
]);

/**
 * Reads a payload.
 * @throws {Failure} `not_found` if another version of the Worker signed a payload of another form.
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
    // This Worker signed the key, so the account comes from a verified token.
    account: account as AccountId,
    author,
    ...options,
  };
}

/** Keeps a byte order mark: an account that begins with one is not the account without it. */
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

/** Returns the time of expiry in ISO 8601, in whole seconds. */
export const computeExpiry = (now: string, seconds: number) =>
  new Date((Math.floor(Date.parse(now) / 1000) + seconds) * 1000).toISOString();

/**
 * Returns a new id: a UUID of version 8 (RFC 9562 §5.8) that begins with the time of expiry in
 * milliseconds. So the id is enough to revoke a link, and tells when the revocation can be deleted.
 * (A UUID of version 7 begins with the present time instead.)
 */
export function createLinkId(expires_at: string): string {
  const time = Date.parse(expires_at).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-8${crypto.randomUUID().slice(15)}`;
}

/**
 * The clock of the edge that created a link may be ahead of the clock of the edge that revokes the
 * link. The trigger that deletes expired revocations waits as long.
 */
const CLOCK_SKEW_MAX_SECONDS = 3600;

/** Returns when the link with this id expires; undefined if no link can have this id now. */
export function readExpiry(id: string, now: string): string | undefined {
  const expires = decodeExpiry(id);
  const latest = Date.parse(now) + (LINK_MAX_SECONDS + CLOCK_SKEW_MAX_SECONDS) * 1000;
  return expires.getTime() <= latest ? expires.toISOString() : undefined;
}

/** Returns the time of expiry, with which the id of a link begins. */
const decodeExpiry = (id: string) =>
  new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16));

/** Returns the principal of a request through a link. A link is restricted to its evaluation. */
export const createLinkPrincipal = ({ id, account, author, evaluation_id }: Link): Principal => ({
  account,
  subject: author,
  evaluator: undefined,
  run: undefined,
  evaluation: evaluation_id,
  link: id,
  keyId: undefined,
});

/** Returns the evaluation and the link, as the SQL of a request through a link takes them. */
export const getLinkedPath = ({ id, expires_at, evaluation_id }: Link): LinkedPath => ({
  run_id: null,
  id: evaluation_id,
  link_id: id,
  link_expires_at: expires_at,
});

/**
 * Makes the failure of a key whose end is missing. The text of the key alone decides that, so the
 * failure tells a stranger nothing.
 */
export const linkIsIncomplete = () =>
  new Failure(
    'malformed',
    'The link is incomplete: its end was cut off, perhaps by a program that takes only shorter links. Use the whole link, or ask for a shorter one.',
    {},
    { code: 'incomplete' },
  );

/**
 * Makes the failure of a link that does not work. The sentence is the same for every reason, so
 * that a stranger learns nothing. The log has the reason, `code`.
 */
export const linkNotFound = (code: string) =>
  new Failure(
    'not_found',
    'The link does not work: it was altered, has expired or was revoked, or its evaluation is gone. Ask the sender for a new link.',
    {},
    { code },
  );
