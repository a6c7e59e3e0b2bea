/**
 * Names writes, and makes the parameters that all updates share. Every write has a name, which the
 * database stores with the value: in the row, and later in the history entry of the replaced value.
 * If the name comes from a key, `keyed_write` has the name too. A connection may be lost after the
 * commit, and an attempt that was reported lost may arrive after its retry. So every attempt first
 * looks for its own name, and stores nothing if it finds the name. The name never leaves the
 * database.
 */
import type { Principal } from '../principal.ts';
import type { OperationContext } from './connection.ts';

/** A text that sorts after all times. */
const AFTER_ALL_TIMES = '~';

export type Write = {
  /** The name of the write: 24 random hexadecimal digits, or 32 digits that come from a key. */
  readonly write_id: string;
  /**
   * The time after which the statement searches the history for the name. Without a key this is
   * when the request began, because only the request itself retries such a write. With a key it is
   * after all times, so the search finds nothing: `keyed_write` has the name.
   */
  readonly since: string;
  /** The versions, one of which must be stored; undefined if every version is accepted. */
  readonly versions: readonly string[] | undefined;
  /** Is true if the same content by the same author counts as a retry. */
  readonly isRepeatable: boolean;
};

/** The headers of an update that decide whether and as which write it is stored. */
type Preconditions = {
  readonly versions: readonly string[] | undefined;
  /** The caller's name for the write: its Idempotency-Key. */
  readonly key: string | undefined;
};

/**
 * Names a write: at random for each request, or by the caller's key and subject. So the same key of
 * another caller names another write. The account and the content are not part of the name, because
 * the database looks for a name only in one row and its history.
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

/** Makes a name from the UUID of a request. It is shorter than every name that comes from a key. */
export const createWriteId = (uuid: string) => uuid.replaceAll('-', '').slice(8);

/**
 * Returns the parameters that all updates share (write.query.ts), as a function of the attempt's
 * number. Only the first attempt may count as a retry of an earlier request. A later attempt always
 * stores its name, so that a lost attempt that arrives last finds the name.
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

/** Returns the version of a row, which grows with each stored change and with nothing else. */
export const getVersion = (row: {
  readonly updated_at?: string | null;
  readonly created_at: string;
}): string => row.updated_at ?? row.created_at;

/**
 * Derives the id of a resource that is created with a key: a UUID of version 8 (RFC 9562 §5.8), the
 * same for each retry. `collection` is the id of the run, or the name of another collection.
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
 * Returns the first 128 bits of SHA-256 over the parts, as 32 hexadecimal digits. JSON keeps the
 * parts apart.
 */
export async function digest(...parts: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify(parts));
  const hash = await crypto.subtle.digest('SHA-256', text);
  return [...new Uint8Array(hash, 0, 16)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
