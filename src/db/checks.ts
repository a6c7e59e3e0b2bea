/** Writes the CHECK constraints for schema.ts. Every condition accepts NULL. */
import { type SQL, sql } from 'drizzle-orm';
import { check } from 'drizzle-orm/sqlite-core';
import { ACCOUNT_MAX_CHARS, AUTHOR_MAX_CHARS, SUBJECT_MAX_CHARS } from '../limits.ts';

/**
 * Accepts a UUID in lower case (RFC 9562 §4), so equal ids are equal texts. D1 refuses a LIKE or
 * GLOB pattern of more than 50 bytes (D1: Limits).
 */
export const isUuid = (column: string) =>
  sql.raw(
    `"${column}" LIKE '________-____-____-____-____________' AND "${column}" NOT GLOB '*[^0-9a-f-]*' AND length(replace("${column}", '-', '')) = 32`,
  );

/**
 * Accepts only times like `2025-01-31T12:00:00.000Z`, so that sorting the texts sorts the times.
 * Refuses the year 9999, because SQLite cannot compute a time after it.
 */
export const isTimestamp = (column: string) =>
  sql.raw(
    `"${column}" IS strftime('%Y-%m-%dT%H:%M:%fZ', "${column}") AND coalesce("${column}", '') < '9999'`,
  );

/** Accepts a finite number. SQL can contain an infinity, such as `9e999`. */
export const isFiniteNumber = (column: string) =>
  sql.raw(`abs("${column}") <= 1.7976931348623157e308`);

/**
 * Accepts a text of at most `characters` code points. SQLite's `length` stops counting at a NUL, so
 * the number of bytes has a limit too.
 */
export const isAtMost = (column: string, characters: number) =>
  sql.raw(
    `length("${column}") <= ${characters} AND octet_length("${column}") <= ${4 * characters}`,
  );

/** Accepts a text of 1 to `characters` code points. */
export const isFilled = (column: string, characters: number) =>
  sql`${sql.raw(`"${column}" <> ''`)} AND ${isAtMost(column, characters)}`;

/**
 * Accepts a JSON array of 1 to `maxElements` elements, as JSON.stringify writes it. Refuses a NUL,
 * because SQLite reads JSON only up to the first NUL.
 */
export const isArray = (column: string, maxElements: number) =>
  sql.raw(
    `"${column}" IS NULL OR CASE WHEN json_valid("${column}") AND instr("${column}", char(0)) = 0 THEN json_type("${column}") = 'array' AND json_array_length("${column}") BETWEEN 1 AND ${maxElements} AND json("${column}") = "${column}" ELSE 0 END`,
  );

/** Accepts 32 hexadecimal digits in lower case. */
export const isHex = (column: string) =>
  sql.raw(`length("${column}") = 32 AND "${column}" NOT GLOB '*[^0-9a-f]*'`);

/** Accepts 24 random hexadecimal digits, or 32 digits that come from an Idempotency-Key. */
export const isWriteId = (column: string) =>
  sql.raw(`length("${column}") IN (24, 32) AND "${column}" NOT GLOB '*[^0-9a-f]*'`);

export const creationAndUpdateChecks = {
  created_by_is_bounded: isAtMost('created_by', SUBJECT_MAX_CHARS),
  created_at_is_timestamp: isTimestamp('created_at'),
  updated_by_is_bounded: isAtMost('updated_by', AUTHOR_MAX_CHARS),
  updated_at_is_timestamp: isTimestamp('updated_at'),
  write_id_is_bounded: isWriteId('write_id'),
};

/** Returns a table's CHECK constraints, including the bound on `account_id`. */
export const checks = (table: string, conditions: Readonly<Record<string, SQL>>) =>
  Object.entries({
    account_id_is_bounded: isFilled('account_id', ACCOUNT_MAX_CHARS),
    ...conditions,
  }).map(([name, condition]) => check(`${table}_${name}`, condition));
