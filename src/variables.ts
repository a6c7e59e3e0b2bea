/**
 * The variables that a deployment sets, and how one is read, whichever it is: blank counts as not set. What they mean
 * together is in settings.ts.
 */
import { misconfigured } from './failure.ts';

/** Where keys may come from: exactly one of these is set. */
export const KEY_SETTINGS = ['JWT_SECRET', 'JWT_JWKS', 'JWT_JWKS_URL'] as const;

/** What a deployment sets, as far as it is read here; Env has all of it. */
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

/** What is shown inside quotes in WWW-Authenticate: no space, quote or backslash (RFC 6750 §3, RFC 6749 §3.3). */
export function quotable<T extends string | undefined>(name: string, value: T): T {
  if (value === undefined || /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)) return value;
  throw misconfigured(name, 'must be one word of printable ASCII without quotes and backslashes');
}

/** Values separated by white space. */
export const words = (setting: string | undefined) => present(setting)?.split(/\s+/) ?? [];

export const present = (setting: string | undefined) => setting?.trim() || undefined;
