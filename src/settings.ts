/**
 * Reads the settings of a deployment, on the first request that needs a token or a link. A wrong
 * setting fails closed. A blank setting counts as missing.
 */

import { misconfigured } from './failure.ts';
import { parsePointer } from './pointer.ts';
import { SHARED_ACCOUNT } from './principal.ts';

/** A deployment sets exactly one of these settings. */
const KEY_SETTINGS = ['JWT_SECRET', 'JWT_JWKS', 'JWT_JWKS_URL'] as const;

export type Variables = {
  readonly [name in
    | (typeof KEY_SETTINGS)[number]
    | 'JWT_ISSUER'
    | 'JWT_AUDIENCE'
    | 'JWT_CLIENT_CLAIM'
    | 'JWT_CLIENTS'
    | 'JWT_ACCOUNT_CLAIM'
    | 'JWT_SUBJECT_CLAIM'
    | 'JWT_RUN_CLAIM'
    | 'JWT_REQUIRED_SCOPE'
    | 'JWT_HEADER'
    | 'LINK_SECRET'
    | 'ACCOUNT_OBJECTS'
    | 'CORS_ORIGINS']?: string | undefined;
} & { readonly CF_VERSION_METADATA?: { readonly id: string } };

/** A key for HS256 has at least 256 bits, like the hash (RFC 7518 §3.2). */
const SECRET_MIN_BYTES = 32;

export type KeySource =
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  /** A JSON Web Key Set (RFC 7517 §5) as text. */
  | { readonly kind: 'inline'; readonly json: string }
  | RemoteKeySource;

export type RemoteKeySource = {
  readonly kind: 'remote';
  readonly url: URL;
  /** Undefined without the binding CF_VERSION_METADATA. */
  readonly version: string | undefined;
};

export type Settings = {
  readonly keys: KeySource;
  /** If empty, every issuer is accepted. */
  readonly issuers: readonly string[];
  /** If empty, every audience is accepted. */
  readonly audiences: readonly string[];
  /** If undefined, every client is accepted. */
  readonly clients:
    | { readonly claim: ClaimSetting; readonly accepted: readonly string[] }
    | undefined;
  readonly account: ClaimSetting;
  readonly subject: ClaimSetting;
  readonly run: ClaimSetting;
  readonly requiredScope: string | undefined;
  /**
   * A header whose whole value is the token. If undefined, callers send `Authorization: Bearer
   * <token>`.
   */
  readonly tokenHeader: string | undefined;
  /** The secret that signs and verifies links; undefined if links are off. */
  readonly linkSecret: Uint8Array | undefined;
  readonly accountObjects: AccountObjects;
};

/** The jurisdictions of Durable Objects. Source: Durable Objects, Data location. */
export const JURISDICTIONS = ['eu', 'fedramp', 'fedramp-high', 'us'] as const;

/** The location hints of Durable Objects. Source: Durable Objects, Data location. */
export const LOCATIONS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
] as const;

/**
 * The jurisdiction or location hint of a Durable Object. If empty, the platform creates the object
 * near the caller who first needs it.
 */
export type Place = (typeof JURISDICTIONS)[number] | (typeof LOCATIONS)[number] | '';

/** The accounts that live in Durable Objects. All other accounts live in D1. */
export type AccountObjects = {
  /** The place of each account that ACCOUNT_OBJECTS names, by the account's id. */
  readonly places: ReadonlyMap<string, Place>;
  /** The place of all other accounts; undefined if they live in D1. */
  readonly otherwise: Place | undefined;
};

/**
 * The claim that a setting names. A text that begins with `/` is a JSON Pointer: `/o/id` has the
 * steps `["o", "id"]`. A text without the `/` is the name of a claim.
 */
export type ClaimSetting = { readonly name: string; readonly steps: readonly string[] };

/**
 * Returns the origins in CORS_ORIGINS. If the setting is missing or wrong, returns an empty list
 * and does not throw.
 */
export const readOrigins = (env: Variables): readonly string[] => {
  const origins = (nonBlank(env.CORS_ORIGINS) ?? '').split(',').map((origin) => origin.trim());
  return origins.every((origin) => origin === '*' || URL.parse(origin)?.origin === origin)
    ? origins
    : [];
};

/**
 * Reads and checks all settings.
 * @throws {Failure} `misconfigured`. The log names the setting, and the command that fixes it.
 */
export function readSettings(env: Variables): Settings {
  const keys = readKeySource(env);
  const issuers = splitWords(env.JWT_ISSUER);
  const audiences = splitWords(env.JWT_AUDIENCE);
  const clients = readClients(env);
  if (keys.kind === 'secret') {
    // With a shared secret, each issuer could sign tokens in the name of another issuer.
    if (issuers.length > 1)
      throw misconfigured('JWT_ISSUER', 'may name several issuers only with a key set');
  } else {
    // An issuer may sign tokens for many APIs with one key set.
    if (issuers.length === 0) throw misconfigured('JWT_ISSUER', 'must be set with a key set');
    if (audiences.length === 0 && !clients) {
      throw misconfigured(
        'JWT_AUDIENCE',
        'or JWT_CLIENT_CLAIM and JWT_CLIENTS must be set with a key set',
      );
    }
  }
  if (nonBlank(env.CORS_ORIGINS) !== undefined && readOrigins(env).length === 0) {
    throw misconfigured(
      'CORS_ORIGINS',
      'must be origins such as https://app.example, separated by commas, or *',
    );
  }
  return {
    keys,
    issuers,
    audiences,
    clients,
    account: readClaim('JWT_ACCOUNT_CLAIM', nonBlank(env.JWT_ACCOUNT_CLAIM) ?? 'account_id'),
    subject: readClaim('JWT_SUBJECT_CLAIM', nonBlank(env.JWT_SUBJECT_CLAIM) ?? 'sub'),
    run: readClaim('JWT_RUN_CLAIM', nonBlank(env.JWT_RUN_CLAIM) ?? 'run_id'),
    requiredScope: requireQuotable('JWT_REQUIRED_SCOPE', nonBlank(env.JWT_REQUIRED_SCOPE)),
    tokenHeader: readTokenHeader(nonBlank(env.JWT_HEADER)),
    linkSecret: readLinkSecret(env),
    accountObjects: readAccountObjects(env),
  };
}

/** Returns the place of the account's Durable Object; undefined if the account's rows are in D1. */
export function findPlace(
  { places, otherwise }: AccountObjects,
  account: string,
): Place | undefined {
  // The shared labels stay in D1, because every account uses them.
  return account === SHARED_ACCOUNT ? undefined : (places.get(account) ?? otherwise);
}

/**
 * The entry for all accounts that have no entry of their own. The account `*` has the entry `%2A`.
 */
const ALL_ACCOUNTS = '*';

/** Returns the entry for an account and a place, such as `acc_berlin@eu`. */
export const formatAccountObjectEntry = (account: string, place: string): string =>
  encodeURIComponent(account).replaceAll('*', '%2A') + (place === '' ? '' : `@${place}`);

function readAccountObjects(env: Variables): AccountObjects {
  const places = new Map<string, Place>();
  let otherwise: Place | undefined;
  for (const entry of splitWords(env.ACCOUNT_OBJECTS)) {
    const [, name = '', place = ''] = /^([^@,]+)(?:@([a-z-]+))?$/.exec(entry) ?? [];
    const account = decodeName(name);
    if (!account || !isPlace(place)) throw misconfigured('ACCOUNT_OBJECTS', ENTRIES);
    if (account === SHARED_ACCOUNT)
      throw misconfigured('ACCOUNT_OBJECTS', 'cannot name shared, whose labels stay in D1');
    if (name === ALL_ACCOUNTS ? otherwise !== undefined : places.has(account))
      throw misconfigured('ACCOUNT_OBJECTS', 'names an account twice');
    if (name === ALL_ACCOUNTS) otherwise = place;
    else places.set(account, place);
  }
  return { places, otherwise };
}

const ENTRIES = `must be accounts such as acc_berlin or acc_berlin@eu, separated by spaces, or * for all; places are ${[...JURISDICTIONS, ...LOCATIONS].join(' ')}; a space, comma, @, * or % in a name is percent-encoded`;

const isPlace = (text: string): text is Place =>
  ['', ...JURISDICTIONS, ...LOCATIONS].some((place) => place === text);

function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function readLinkSecret(env: Variables): Uint8Array | undefined {
  const secret = nonBlank(env.LINK_SECRET);
  if (secret === undefined) return undefined;
  // If both secrets were the same, a program that signs links could sign tokens too.
  if (secret === nonBlank(env.JWT_SECRET))
    throw misconfigured('LINK_SECRET', 'must not be the same as JWT_SECRET');
  return readSecret('LINK_SECRET', secret);
}

function readSecret(name: string, value: string): Uint8Array {
  const secret = new TextEncoder().encode(value);
  if (secret.byteLength >= SECRET_MIN_BYTES) return secret;
  throw misconfigured(name, `has ${secret.byteLength} bytes and needs ${SECRET_MIN_BYTES} or more`);
}

function readClients(env: Variables): Settings['clients'] {
  const name = nonBlank(env.JWT_CLIENT_CLAIM);
  const accepted = splitWords(env.JWT_CLIENTS);
  if (name === undefined && accepted.length === 0) return undefined;
  if (name === undefined) throw misconfigured('JWT_CLIENT_CLAIM', 'must be set with JWT_CLIENTS');
  if (accepted.length === 0)
    throw misconfigured('JWT_CLIENTS', 'must be set with JWT_CLIENT_CLAIM');
  return { claim: readClaim('JWT_CLIENT_CLAIM', name), accepted };
}

function readClaim(setting: string, value: string): ClaimSetting {
  const name = requireQuotable(setting, value);
  if (!name.startsWith('/')) return { name, steps: [name] };
  const steps = parsePointer(name);
  if (steps) return { name, steps };
  throw misconfigured(
    setting,
    'must be a JSON Pointer (RFC 6901), in which ~ is written ~0, because it starts with /',
  );
}

function readTokenHeader(name: string | undefined): string | undefined {
  // RFC 9110 §5.6.2 lists the characters that the name of a header may have.
  if (name === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(name))
    return name?.toLowerCase() === 'authorization' ? undefined : name;
  throw misconfigured('JWT_HEADER', 'must be the name of a header');
}

function readKeySource(env: Variables): KeySource {
  const [name, ...others] = KEY_SETTINGS.filter((setting) => nonBlank(env[setting]) !== undefined);
  if (name === undefined)
    throw misconfigured('JWT_SECRET', 'or JWT_JWKS or JWT_JWKS_URL must be set');
  if (others.length > 0)
    throw misconfigured(name, `and ${others.join(' and ')} are set: keep one and delete the other`);
  const value = env[name] ?? '';
  switch (name) {
    case 'JWT_SECRET':
      return { kind: 'secret', secret: readSecret(name, value) };
    case 'JWT_JWKS':
      return { kind: 'inline', json: value };
    case 'JWT_JWKS_URL':
      return { kind: 'remote', url: readUrl(value), version: env.CF_VERSION_METADATA?.id };
  }
}

function readUrl(value: string): URL {
  const url = URL.parse(value);
  const local =
    url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && (url.protocol === 'https:' || local) && !url.username && !url.password) return url;
  throw misconfigured(
    'JWT_JWKS_URL',
    'must be an https URL without credentials (plain http for localhost only)',
  );
}

/** Refuses a value that the header WWW-Authenticate cannot quote (RFC 6750 §3, RFC 6749 §3.3). */
function requireQuotable<T extends string | undefined>(name: string, value: T): T {
  if (value === undefined || /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw misconfigured(name, 'must be one word of printable ASCII without quotes and backslashes');
}

const splitWords = (setting: string | undefined) => nonBlank(setting)?.split(/\s+/) ?? [];

const nonBlank = (setting: string | undefined) => setting?.trim() || undefined;
