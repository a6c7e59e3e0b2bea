/**
 * Defines the tables. `account_id` begins every primary key, so an operator can find all rows of an
 * account. drizzle-kit cannot write `STRICT, WITHOUT ROWID`: add both by hand in drizzle/.
 */
import { sql } from 'drizzle-orm';
import { index, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import {
  AUTHOR_MAX_CHARS,
  CATEGORIES_MAX_BYTES,
  CATEGORIES_MAX_COUNT,
  FIELD_PATH_MAX_CHARS,
  LABEL_DESCRIPTION_MAX_CHARS,
  LABEL_NAME_MAX_CHARS,
  OUTPUT_NAME_MAX_CHARS,
} from '../limits.ts';
import {
  checks,
  creationAndUpdateChecks,
  isArray,
  isAtMost,
  isFilled,
  isFiniteNumber,
  isHex,
  isTimestamp,
  isUuid,
  isWriteId,
} from './checks.ts';

/** The id of the write that last changed the row (write.ts). No response contains this column. */
const writeId = () => text().notNull().default(sql`(lower(hex(randomblob(12))))`);

export const runEvaluation = sqliteTable(
  'run_evaluation',
  {
    id: text().notNull(),
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
    write_id: writeId(),
  },
  (table) => [
    // Lists have the order of this key, so SQLite finds the rows of a page next to each other.
    primaryKey({ columns: [table.account_id, table.run_id, table.created_at, table.id] }),
    uniqueIndex('run_evaluation_by_id').on(table.account_id, table.id),
    ...checks('run_evaluation', {
      id_is_uuid: isUuid('id'),
      run_id_is_uuid: isUuid('run_id'),
      output_name_is_bounded: isAtMost('output_name', OUTPUT_NAME_MAX_CHARS),
      field_path_is_bounded: isAtMost('field_path', FIELD_PATH_MAX_CHARS),
      label_id_is_uuid: isUuid('evaluation_label_id'),
      value_is_finite: isFiniteNumber('value'),
      evaluator_id_is_uuid: sql`"created_by_evaluator_id" IS NULL OR ${isUuid('created_by_evaluator_id')}`,
      ...creationAndUpdateChecks,
    }),
  ],
);

/**
 * `run_evaluation` has no foreign key to this table, so a script may insert evaluations before
 * their labels.
 */
export const evaluationLabel = sqliteTable(
  'evaluation_label',
  {
    id: text().notNull(),
    account_id: text().notNull(),
    name: text().notNull(),
    description: text(),
    value_type: text({ enum: ['binary', 'continuous', 'categorical', 'ordinal'] }).notNull(),
    min_value: real(),
    max_value: real(),
    /** A JSON array of different non-empty strings, which a trigger checks. */
    categories: text(),
    archived_at: text(),
    created_by: text(),
    created_at: text().notNull().default(sql`(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`),
    updated_by: text(),
    updated_at: text(),
    /**
     * A digest of the fields at creation, to recognise a retry (label/create.ts). NULL if a script
     * created the label.
     */
    create_digest: text(),
    write_id: writeId(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.id] }),
    index('evaluation_label_by_age').on(table.account_id, table.created_at, table.id),
    ...checks('evaluation_label', {
      id_is_uuid: isUuid('id'),
      name_is_bounded: isFilled('name', LABEL_NAME_MAX_CHARS),
      description_is_bounded: isAtMost('description', LABEL_DESCRIPTION_MAX_CHARS),
      value_type_is_known: sql.raw(
        `"value_type" IN ('binary', 'continuous', 'categorical', 'ordinal')`,
      ),
      bounds_are_of_continuous: sql.raw(
        `"value_type" = 'continuous' OR ("min_value" IS NULL AND "max_value" IS NULL)`,
      ),
      min_value_is_finite: isFiniteNumber('min_value'),
      max_value_is_finite: isFiniteNumber('max_value'),
      bounds_are_in_order: sql.raw(`"min_value" <= "max_value"`),
      categories_are_of_index_types: sql.raw(
        `("value_type" IN ('categorical', 'ordinal')) = ("categories" IS NOT NULL)`,
      ),
      categories_are_bounded: sql.raw(`octet_length("categories") <= ${CATEGORIES_MAX_BYTES}`),
      categories_are_array: isArray('categories', CATEGORIES_MAX_COUNT),
      archived_at_is_timestamp: isTimestamp('archived_at'),
      create_digest_is_bounded: isHex('create_digest'),
      ...creationAndUpdateChecks,
    }),
  ],
);

/** A trigger inserts each replaced value of an evaluation. No row is ever updated. */
export const runEvaluationHistory = sqliteTable(
  'run_evaluation_history',
  {
    account_id: text().notNull(),
    evaluation_id: text().notNull(),
    value: real().notNull(),
    /** The author of the replaced value. */
    updated_by: text(),
    updated_at: text().notNull(),
    replaced_by: text(),
    replaced_at: text().notNull(),
    /** The id of the write that stored the replaced value. */
    write_id: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.evaluation_id, table.replaced_at] }),
    ...checks('run_evaluation_history', {
      evaluation_id_is_uuid: isUuid('evaluation_id'),
      value_is_finite: isFiniteNumber('value'),
      updated_by_is_bounded: isAtMost('updated_by', AUTHOR_MAX_CHARS),
      updated_at_is_timestamp: isTimestamp('updated_at'),
      replaced_by_is_bounded: isAtMost('replaced_by', AUTHOR_MAX_CHARS),
      replaced_at_is_timestamp: isTimestamp('replaced_at'),
      is_in_order: sql.raw(`"updated_at" < "replaced_at"`),
      write_id_is_bounded: isWriteId('write_id'),
    }),
  ],
);

/**
 * A trigger inserts a row for each update of an evaluation with an Idempotency-Key. A retry finds
 * the row by primary key.
 */
export const keyedWrite = sqliteTable(
  'keyed_write',
  {
    account_id: text().notNull(),
    evaluation_id: text().notNull(),
    write_id: text().notNull(),
    value: real().notNull(),
    updated_at: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.evaluation_id, table.write_id] }),
    ...checks('keyed_write', {
      evaluation_id_is_uuid: isUuid('evaluation_id'),
      write_id_is_of_key: isHex('write_id'),
      value_is_finite: isFiniteNumber('value'),
      updated_at_is_timestamp: isTimestamp('updated_at'),
    }),
  ],
);

/**
 * A row for each deletion. A trigger on a new row deletes the evaluation. A late attempt of an
 * earlier request finds the row and stores nothing.
 */
export const deletedEvaluation = sqliteTable(
  'deleted_evaluation',
  {
    account_id: text().notNull(),
    evaluation_id: text().notNull(),
    run_id: text().notNull(),
    deleted_at: text().notNull(),
    write_id: text().notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.account_id, table.evaluation_id, table.deleted_at, table.write_id],
    }),
    index('deleted_evaluation_by_write').on(
      table.account_id,
      table.evaluation_id,
      table.run_id,
      table.write_id,
    ),
    index('deleted_evaluation_by_time').on(table.account_id, table.deleted_at),
    ...checks('deleted_evaluation', {
      evaluation_id_is_uuid: isUuid('evaluation_id'),
      run_id_is_uuid: isUuid('run_id'),
      write_id_is_bounded: isWriteId('write_id'),
      deleted_at_is_timestamp: isTimestamp('deleted_at'),
    }),
  ],
);

export const revokedLink = sqliteTable(
  'revoked_link',
  {
    account_id: text().notNull(),
    expires_at: text().notNull(),
    evaluation_id: text().notNull(),
    id: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.expires_at, table.evaluation_id, table.id] }),
    ...checks('revoked_link', {
      expires_at_is_timestamp: isTimestamp('expires_at'),
      evaluation_id_is_uuid: isUuid('evaluation_id'),
      id_is_uuid: isUuid('id'),
    }),
  ],
);

/** One row for each account that lives in a Durable Object. In an object this table is empty. */
export const accountObject = sqliteTable(
  'account_object',
  {
    account_id: text().primaryKey(),
    /** The jurisdiction or location hint of the object; empty if the platform chooses. */
    place: text().notNull(),
    /**
     * A random id that the object stores too. It shows whether the object was lost or restored
     * (arrival.ts).
     */
    life: text().notNull(),
    /** The time when the object had all rows; NULL while the object copies the rows. */
    arrived_at: text(),
  },
  () =>
    checks('account_object', {
      place_is_known: sql.raw(`length("place") <= 16 AND "place" NOT GLOB '*[^a-z-]*'`),
      life_is_random: isHex('life'),
      arrived_at_is_timestamp: isTimestamp('arrived_at'),
    }),
);
