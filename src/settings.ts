/**
 * The settings of a deployment, read by the first protected request of an isolate and kept. A wrong setting fails closed:
 * every protected request answers 500, and the log says what to fix. Blank counts as not set.
 */

import { misconfigured } from './failure.ts';
import { parsePointer } from './pointer.ts';

/** Where keys may come from: exactly one of these is set. */
const KEY_SETTINGS = ['JWT_SECRET', 'JWT_JWKS', 'JWT_JWKS_URL'] as const;

/** The variables that a deployment sets, as far as this file reads them. Env has all of them. */
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
    | 'CORS_ORIGINS']?: string | undefined;
} & { readonly CF_VERSION_METADATA?: { readonly id: string } };

/** RFC 7518 §3.2: an HS256 key has at least as many bits as the hash. */
const SECRET_MIN_BYTES = 32;

/** Where the keys come from. Exactly one source, so that what is verified with one can never be verified with another. */
export type KeySource =
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  /** A JSON Web Key Set (RFC 7517 §5) as text, not yet checked. */
  | { readonly kind: 'inline'; readonly json: string }
  | RemoteKeySource;

export type RemoteKeySource = {
  readonly kind: 'remote';
  readonly url: URL;
  /** The id of the deployed version. */
  readonly version: string | undefined;
};

export type Settings = {
  readonly keys: KeySource;
  /** What `iss` may be; empty where any will do. */
  readonly issuers: readonly string[];
  /** What `aud` may be or contain; empty where any will do. */
  readonly audiences: readonly string[];
  /** The clients whose tokens are accepted, and the claim that says which client a token was issued to. */
  readonly clients:
    | { readonly claim: ClaimSetting; readonly accepted: readonly string[] }
    | undefined;
  readonly account: ClaimSetting;
  readonly subject: ClaimSetting;
  /** What restricts a token to one run. */
  readonly run: ClaimSetting;
  /** One scope that each token must carry. */
  readonly requiredScope: string | undefined;
  /** The header that holds the token and nothing else; undefined where it is Authorization. */
  readonly tokenHeader: string | undefined;
  /** What signs and verifies the keys of links; undefined where there are none. */
  readonly linkSecret: Uint8Array | undefined;
};

/** A claim as the setting names it, and the steps to it: `https://example.com/account` is one name, `/o/id` a pointer. */
export type ClaimSetting = { readonly name: string; readonly steps: readonly string[] };

/** The origins of CORS_ORIGINS, separated by commas; empty if unset, or wrong, which readSettings then reports. */
export const readOrigins = (env: Variables): readonly string[] => {
  const origins = (present(env.CORS_ORIGINS) ?? '').split(',').map((origin) => origin.trim());
  return origins.every((origin) => origin === '*' || URL.parse(origin)?.origin === origin)
    ? origins
    : [];
};

/** @throws {Failure} `misconfigured`, naming the setting and the command that fixes it. */
export function readSettings(env: Variables): Settings {
  const keys = readKeySource(env);
  const issuers = words(env.JWT_ISSUER);
  const audiences = words(env.JWT_AUDIENCE);
  const clients = readClients(env);
  if (keys.kind === 'secret') {
    // Whoever has the secret can sign as any of them.
    if (issuers.length > 1)
      throw misconfigured('JWT_ISSUER', 'may name several issuers only with a key set');
  } else {
    // An issuer signs for many APIs: without these, a token for any other of them would be accepted here.
    if (issuers.length === 0) throw misconfigured('JWT_ISSUER', 'must be set with a key set');
    if (audiences.length === 0 && !clients) {
      throw misconfigured(
        'JWT_AUDIENCE',
        'or JWT_CLIENT_CLAIM and JWT_CLIENTS must be set with a key set',
      );
    }
  }
  if (present(env.CORS_ORIGINS) !== undefined && readOrigins(env).length === 0) {
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
    account: readClaim('JWT_ACCOUNT_CLAIM', present(env.JWT_ACCOUNT_CLAIM) ?? 'account_id'),
    subject: readClaim('JWT_SUBJECT_CLAIM', present(env.JWT_SUBJECT_CLAIM) ?? 'sub'),
    run: readClaim('JWT_RUN_CLAIM', present(env.JWT_RUN_CLAIM) ?? 'run_id'),
    requiredScope: quotable('JWT_REQUIRED_SCOPE', present(env.JWT_REQUIRED_SCOPE)),
    tokenHeader: readTokenHeader(present(env.JWT_HEADER)),
    linkSecret: readLinkSecret(env),
  };
}

function readLinkSecret(env: Variables): Uint8Array | undefined {
  const secret = present(env.LINK_SECRET);
  if (secret === undefined) return undefined;
  // Whoever issues tokens with a secret could else make links in anybody's name, and the other way round.
  if (secret === present(env.JWT_SECRET))
    throw misconfigured('LINK_SECRET', 'must not be the same as JWT_SECRET');
  return readSecret('LINK_SECRET', secret);
}

function readSecret(name: string, value: string): Uint8Array {
  const secret = new TextEncoder().encode(value);
  if (secret.byteLength >= SECRET_MIN_BYTES) return secret;
  throw misconfigured(
    name,
    `holds ${secret.byteLength} bytes and needs ${SECRET_MIN_BYTES} or more`,
  );
}

function readClients(env: Variables): Settings['clients'] {
  const name = present(env.JWT_CLIENT_CLAIM);
  const accepted = words(env.JWT_CLIENTS);
  if (name === undefined && accepted.length === 0) return undefined;
  if (name === undefined) throw misconfigured('JWT_CLIENT_CLAIM', 'must be set with JWT_CLIENTS');
  if (accepted.length === 0)
    throw misconfigured('JWT_CLIENTS', 'must be set with JWT_CLIENT_CLAIM');
  return { claim: readClaim('JWT_CLIENT_CLAIM', name), accepted };
}

function readClaim(setting: string, value: string): ClaimSetting {
  const name = quotable(setting, value);
  if (!name.startsWith('/')) return { name, steps: [name] };
  const steps = parsePointer(name);
  if (steps) return { name, steps };
  throw misconfigured(
    setting,
    'must be a JSON Pointer (RFC 6901), in which ~ is written ~0, because it starts with /',
  );
}

function readTokenHeader(name: string | undefined): string | undefined {
  // RFC 9110 §5.6.2.
  if (name === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(name))
    return name?.toLowerCase() === 'authorization' ? undefined : name;
  throw misconfigured('JWT_HEADER', 'must be the name of a header');
}

function readKeySource(env: Variables): KeySource {
  const [name, ...others] = KEY_SETTINGS.filter((setting) => present(env[setting]) !== undefined);
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

/** Refuses what cannot stand inside quotes in WWW-Authenticate (RFC 6750 §3, RFC 6749 §3.3). */
function quotable<T extends string | undefined>(name: string, value: T): T {
  if (value === undefined || /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw misconfigured(name, 'must be one word of printable ASCII without quotes and backslashes');
}

/** Splits a setting at white space. */
const words = (setting: string | undefined) => present(setting)?.split(/\s+/) ?? [];

const present = (setting: string | undefined) => setting?.trim() || undefined;
