/**
 * The tables, column for column. Property names, column names and JSON names are the same words, so a row
 * is a resource and nothing is mapped. `strict` and `without rowid` are not words that drizzle-kit knows:
 * they stand in the migrations only, where they were added by hand.
 */
import { sql } from 'drizzle-orm';
import { check, index, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/**
 * A UUID in the one spelling that is stored: lower case (RFC 9562 §4), so that equal ids are equal text.
 * In three short steps because D1 refuses a LIKE or GLOB pattern of over 50 bytes (D1 limits).
 */
const isUuid = (column: string) =>
  sql.raw(
    `"${column}" LIKE '________-____-____-____-____________' AND "${column}" NOT GLOB '*[^0-9a-f-]*' AND length(replace("${column}", '-', '')) = 32`,
  );

/** A date-time in the one spelling that is stored: real, UTC, milliseconds, `Z`; so that text order is time order. */
const isTimestamp = (column: string) => sql.raw(`"${column}" IS strftime('%Y-%m-%dT%H:%M:%fZ', "${column}")`);

export const runEvaluation = sqliteTable(
  'run_evaluation',
  {
    id: text().primaryKey(),
    account_id: text().notNull(),
    run_id: text().notNull(),
    output_name: text(),
    field_path: text(),
    evaluation_label_id: text().notNull(),
    value: real().notNull(),
    created_by: text(),
    created_by_evaluator_id: text(),
    created_at: text().notNull(),
    updated_by: text(),
    updated_at: text(),
  },
  (table) => [
    index('run_evaluation_by_run').on(table.account_id, table.run_id, table.created_at, table.id),
    check('run_evaluation_id_is_uuid', isUuid('id')),
    check('run_evaluation_account_id_is_not_empty', sql.raw(`"account_id" <> ''`)),
    check('run_evaluation_run_id_is_uuid', isUuid('run_id')),
    check('run_evaluation_label_id_is_uuid', isUuid('evaluation_label_id')),
    // D1 stores a bound NaN or Infinity as NULL, which NOT NULL refuses; this refuses the infinity that SQL itself can write (9e999).
    check('run_evaluation_value_is_finite', sql.raw(`abs("value") <= 1.7976931348623157e308`)),
    check(
      'run_evaluation_evaluator_id_is_uuid',
      sql`"created_by_evaluator_id" IS NULL OR ${isUuid('created_by_evaluator_id')}`,
    ),
    check('run_evaluation_created_at_is_timestamp', isTimestamp('created_at')),
    check('run_evaluation_updated_at_is_timestamp', isTimestamp('updated_at')),
  ],
);
