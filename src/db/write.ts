/**
 * Gives each write an id, and makes the parameters that all updates share.
 *
 * A write stores its id as `write_id` in the row that it changes. When another write replaces the
 * value of an evaluation, a trigger copies the old value and its `write_id` into the history. If an
 * update of an evaluation has an id that comes from an Idempotency-Key, a trigger also stores the
 * id in the table `keyed_write`.
 *
 * The database may store an attempt of a write although the Worker gets no answer. The attempt may
 * even arrive at the database after the Worker's retry. So every attempt first searches for its own
 * `write_id`. If the database has this `write_id`, another attempt of the same write is stored
 * already, and this attempt stores nothing. No response contains a `write_id`.
 */
import type { Principal } from '../principal.ts';
import type { OperationContext } from './connection.ts';

/** A text that sorts after all times. */
const AFTER_ALL_TIMES = '~';

export type Write = {
  /** 24 random hexadecimal digits, or 32 digits that come from an Idempotency-Key. */
  readonly write_id: string;
  /**
   * The update searches for its `write_id` only in history entries that are later than this time.
   * - Without an Idempotency-Key, this is the time when the request began. The `write_id` is new
   *   with the request, so no earlier entry has it.
   * - With a key, this text sorts after all times, so the search finds nothing. The update searches
   *   `keyed_write` instead.
   */
  readonly since: string;
  /**
   * The versions from `If-Match`. The update changes the row only if the list contains the row's
   * version. If this is undefined, the update may change any version.
   */
  readonly versions: readonly string[] | undefined;
  /**
   * If this is true, and the row already has the content of the request, and the same author made
   * the row's last update, the database changes nothing. The request may then be the caller's retry
   * of an earlier request.
   */
  readonly isRepeatable: boolean;
};

/**
 * The values of two request headers of a write. `versions` comes from `If-Match`: the write may
 * change only a row that has one of these versions. `key` is the Idempotency-Key, by which the
 * database recognises a retry.
 */
type Preconditions = {
  readonly versions: readonly string[] | undefined;
  readonly key: string | undefined;
};

/**
 * Gives a write its `write_id`. Without a key, the id is random for each request. With a key, the
 * id is derived from the key and the subject, so the same key of another caller gives another id.
 *
 * The database searches for the id only among the writes to one evaluation or label, so the id need
 * not depend on the account. The id does not depend on the content either. So if a caller sends the
 * same key with other content, the database finds the id, and the Worker refuses the update
 * (`unprocessable`).
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

/**
 * Makes a `write_id` of 24 digits from the random UUID of a request. An id that comes from a key
 * has 32 digits.
 */
export const createWriteId = (uuid: string) => uuid.replaceAll('-', '').slice(8);

/**
 * Returns a function that takes the number of an attempt and returns the parameters that all
 * updates share (write.query.ts). Only `is_repeatable` depends on the attempt:
 * - In the first attempt it may be 1. If the author's earlier update already stored the content of
 *   the request, the database then changes nothing, because the request may be the caller's retry.
 * - In a retry by the Worker it is 0. The database then stores the `write_id` even if the row
 *   already has the content. If the first attempt was delayed and arrives last, the database finds
 *   this `write_id` and changes nothing.
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

/**
 * Returns the version of a row: the time of its last change, or of its creation. Each stored change
 * increases the version, and nothing else changes it.
 */
export const getVersion = (row: {
  readonly updated_at?: string | null;
  readonly created_at: string;
}): string => row.updated_at ?? row.created_at;

/**
 * Derives the id of a new resource from the caller and the Idempotency-Key, so that each retry gets
 * the same id. The id is a UUID of version 8 (RFC 9562 §5.8).
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
 * Returns the first 128 bits of SHA-256 over the parts, as 32 hexadecimal digits. The parts are
 * hashed as a JSON array, so `["ab", "c"]` and `["a", "bc"]` have different digests.
 */
export async function digest(...parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const hash = await crypto.subtle.digest('SHA-256', text);
  return [...new Uint8Array(hash, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
