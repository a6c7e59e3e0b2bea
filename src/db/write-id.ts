/**
 * The name of a write, kept in the row and in the history entry that replaces it, so that a repeated or late attempt finds
 * what it stored. It never leaves the database.
 */
import type { Principal } from '../principal.ts';

/** How long a named write is recognised. An unnamed one is only ever repeated by its own request. */
const NAMED_WRITE_DAYS = 7;
const DAY_MS = 24 * 3600 * 1000;

export type WriteName = {
  /** 32 hexadecimal digits. */
  readonly write_id: string;
  /** How far back to search for it (ISO 8601): to the time of its request, or with a key seven days. */
  readonly since: string;
};

/**
 * Random for each request; or derived from the caller's key and subject, so that another caller's same key is another
 * write. The account and what is written are not part of it: a write is looked up in one row and its history only.
 */
export async function nameWrite(
  { subject }: Principal,
  now: string,
  key: string | undefined,
): Promise<WriteName> {
  if (key === undefined) return { write_id: crypto.randomUUID().replaceAll('-', ''), since: now };
  const since = new Date(Date.parse(now) - NAMED_WRITE_DAYS * DAY_MS).toISOString();
  return { write_id: await digest('update', subject, key), since };
}

/**
 * The id of what is created with a key: a UUID of version 8 (RFC 9562 §5.8), the same for each repetition. `where` keeps
 * collections apart: the id of a run, or the name of a collection that an account has one of.
 */
export async function idOfKey(
  { account, subject, evaluator }: Principal,
  where: string,
  key: string,
): Promise<string> {
  const hex = await digest('create', account, subject, evaluator ?? '', where, key);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/** The first 128 bits of SHA-256 over the parts as JSON, which keeps them apart, in hexadecimal. */
export async function digest(...parts: readonly string[]): Promise<string> {
  const hash = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(JSON.stringify(parts)),
  );
  return [...new Uint8Array(hash, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
