/**
 * Gives each write an id, the `write_id`. An attempt may reach the database after the Worker's
 * retry. So every attempt first searches for its own `write_id`, and stores nothing if the database
 * has the id.
 */
import type { Principal } from '../principal.ts';
import type { OperationContext } from './connection.ts';

/** A text that sorts after all times. */
const AFTER_ALL_TIMES = '~';

export type Write = {
  /** 24 random hexadecimal digits, or 32 digits that come from an Idempotency-Key. */
  readonly write_id: string;
  /**
   * The update searches the history after this time for its `write_id`. With an Idempotency-Key,
   * the update searches `keyed_write` instead.
   */
  readonly since: string;
  /** The versions from `If-Match`; undefined allows any version. */
  readonly versions: readonly string[] | undefined;
  /** True if an update with the author and the content of the row's last update changes nothing. */
  readonly isRepeatable: boolean;
};

type Preconditions = {
  readonly versions: readonly string[] | undefined;
  readonly key: string | undefined;
};

/**
 * Gives a write its `write_id`: random, or derived from the subject and the Idempotency-Key. The id
 * does not depend on the content, so the Worker recognises a key that comes with other content.
 */
export async function nameWrite(
  { principal, now, uuid }: OperationContext,
  { versions, key }: Preconditions,
): Promise<Write> {
  if (key === undefined) {
    const isRepeatable = versions === undefined;
    return { write_id: createWriteId(uuid), since: now, versions, isRepeatable };
  }
  const write_id = await digest('update', principal.subject, key);
  return { write_id, since: AFTER_ALL_TIMES, versions, isRepeatable: false };
}

/** Makes a `write_id` of 24 digits from the random UUID of a request. */
export const createWriteId = (uuid: string) => uuid.replaceAll('-', '').slice(8);

/**
 * Returns a function that makes the parameters of an attempt from its number. In a retry,
 * `is_repeatable` is 0, so the database stores the `write_id`, and a late first attempt finds it.
 */
export function updateParams(
  { principal, now }: OperationContext,
  { write_id, since, versions, isRepeatable }: Write,
  immutable: object,
) {
  const params = {
    account: principal.account,
    subject: principal.subject,
    now,
    write_id,
    since,
    immutable: JSON.stringify(immutable),
    versions: versions === undefined ? null : JSON.stringify(versions),
  };
  return (attempt: number) => {
    const is_repeatable: 0 | 1 = isRepeatable && attempt === 1 ? 1 : 0;
    return { ...params, is_repeatable };
  };
}

/** Returns the version of a row: the time of its last change, or of its creation. */
export const getVersion = (row: {
  readonly updated_at?: string | null;
  readonly created_at: string;
}): string => row.updated_at ?? row.created_at;

/**
 * Derives a resource's id, a UUID of version 8 (RFC 9562 §5.8), from the caller and the
 * Idempotency-Key.
 * @param collection the id of the run, or a fixed name for resources outside a run
 */
export async function deriveId(
  { account, subject, evaluator }: Principal,
  collection: string,
  key: string,
): Promise<string> {
  const hex = await digest('create', account, subject, evaluator ?? '', collection, key);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/**
 * Returns the first 128 bits of SHA-256 over the parts, as 32 hexadecimal digits. JSON gives
 * `["ab", "c"]` and `["a", "bc"]` different digests.
 */
export async function digest(...parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const hash = await crypto.subtle.digest('SHA-256', text);
  return [...new Uint8Array(hash, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
