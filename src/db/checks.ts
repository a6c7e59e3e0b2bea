/**
 * Writes the CHECK constraints of columns, for schema.ts. A column that may be NULL passes, unless
 * a check says otherwise: in SQL a condition on NULL is not false.
 */
import { type SQL, sql } from 'drizzle-orm';
import { check } from 'drizzle-orm/sqlite-core';
import { ACCOUNT_MAX_CHARS, AUTHOR_MAX_CHARS, SUBJECT_MAX_CHARS } from '../limits.ts';

/**
 * A UUID in the one spelling that is stored: lower case (RFC 9562 §4), so that equal ids are equal
 * text. In three short steps because D1 refuses a LIKE or GLOB pattern of over 50 bytes (D1
 * limits).
 */
export const isUuid = (column: string) =>
  sql.raw(
    `"${column}" LIKE '________-____-____-____-____________' AND "${column}" NOT GLOB '*[^0-9a-f-]*' AND length(replace("${column}", '-', '')) = 32`,
  );

/**
 * A date-time in the one spelling that is stored: real, UTC, milliseconds, `Z`; so that text order
 * is time order. Before the year 9999, in which SQLite's date functions end.
 */
export const isTimestamp = (column: string) =>
  sql.raw(
    `"${column}" IS strftime('%Y-%m-%dT%H:%M:%fZ', "${column}") AND coalesce("${column}", '') < '9999'`,
  );

/** A finite number, or NULL. SQL itself can write an infinity (9e999), which no JSON number is. */
export const isFiniteNumber = (column: string) =>
  sql.raw(`abs("${column}") <= 1.7976931348623157e308`);

/**
 * At most so many characters. SQLite counts them up to the first NUL only, so the bytes (UTF-8, 4
 * each) are bounded too.
 */
export const isAtMost = (column: string, characters: number) =>
  sql.raw(
    `length("${column}") <= ${characters} AND octet_length("${column}") <= ${4 * characters}`,
  );

/** Not empty, and at most so many characters. */
export const isFilled = (column: string, characters: number) =>
  sql`${sql.raw(`"${column}" <> ''`)} AND ${isAtMost(column, characters)}`;

/**
 * A JSON array with 1 to so many elements, without white space, as JSON.stringify writes it: so
 * that equal arrays are equal text. JSON in SQLite ends at a NUL, whatever follows.
 */
export const isArray = (column: string, maxElements: number) =>
  sql.raw(
    `"${column}" IS NULL OR CASE WHEN json_valid("${column}") AND instr("${column}", char(0)) = 0 THEN json_type("${column}") = 'array' AND json_array_length("${column}") BETWEEN 1 AND ${maxElements} AND json("${column}") = "${column}" ELSE 0 END`,
  );

/** 128 bits in hexadecimal. */
export const isHex = (column: string) =>
  sql.raw(`length("${column}") = 32 AND "${column}" NOT GLOB '*[^0-9a-f]*'`);

/**
 * The name of a write: 24 hexadecimal digits at random, or 32 that come from an Idempotency-Key.
 */
export const isWriteId = (column: string) =>
  sql.raw(`length("${column}") IN (24, 32) AND "${column}" NOT GLOB '*[^0-9a-f]*'`);

/** Checks who created and last updated a row, and when. */
export const writeIdChecks = {
  created_by_is_bounded: isAtMost('created_by', SUBJECT_MAX_CHARS),
  created_at_is_timestamp: isTimestamp('created_at'),
  updated_by_is_bounded: isAtMost('updated_by', AUTHOR_MAX_CHARS),
  updated_at_is_timestamp: isTimestamp('updated_at'),
  write_id_is_bounded: isWriteId('write_id'),
};

/**
 * Returns a table's checks, and the one that all tables have: an account's id is part of every key,
 * so its length is bounded.
 */
export const checks = (table: string, conditions: Readonly<Record<string, SQL>>) =>
  Object.entries({
    account_id_is_bounded: isFilled('account_id', ACCOUNT_MAX_CHARS),
    ...conditions,
  }).map(([name, condition]) => check(`${table}_${name}`, condition));
