/**
 * The update, and the query that explains why it stored nothing. They run in one transaction, so nothing changes in
 * between. Each condition stands once: the update carries it, the explanation tells which one failed.
 */
import { sql } from 'drizzle-orm';
import { all, compile, ifNothingChanged, orm } from '../db/compile.ts';
import {
  type CommonUpdateParams,
  changedField,
  nextVersion,
  preconditionHolds,
} from '../db/conditions.ts';
import { evaluationLabel } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import { IMMUTABLE } from './input.ts';
import { isOwn, resourceColumns, type Scope } from './label.query.ts';
import type { LabelRow } from './label.ts';

export type UpdateParams = CommonUpdateParams &
  Scope & {
    /** Null to leave it as it is. */
    readonly name: string | null;
    readonly has_description: 0 | 1;
    readonly description: string | null;
    /** Null to leave it as it is. */
    readonly archived: 0 | 1 | null;
  };

/** The row as it is, and the conditions in the order in which they are told. */
export type UpdateExplanation = OrNulls<LabelRow> & {
  /** This write is stored already. */
  readonly is_stored: 0 | 1;
  readonly is_as_asked: 0 | 1;
  readonly precondition_holds: 0 | 1;
  readonly changed_field: string | null;
};

const param = (name: keyof UpdateParams) => sql`${sql.placeholder(name)}`;
const { name, description, archived_at, updated_by, write_id } = evaluationLabel;

/** The row has the name, the description and the state that the update asks for. */
const isAsAsked = sql<0 | 1>`${all(
  sql`${name} = coalesce(${param('name')}, ${name})`,
  sql`(NOT ${param('has_description')} OR ${description} IS ${param('description')})`,
  sql`(${archived_at} IS NOT NULL) = coalesce(${param('archived')}, ${archived_at} IS NOT NULL)`,
)}`;

/**
 * The row holds what this write stored; or, without a precondition and a key, what the same author sends again. A label has
 * no history: a write that another has replaced is not recognised.
 */
const isStored = sql<0 | 1>`(${write_id} = ${param('write_id')} OR (${param('is_repeatable')}
  AND ${isAsAsked} AND ${updated_by} IS ${param('subject')}))`;

/** Returns the changed row; nothing if a condition failed, or if this write is stored already. */
export const updateEvaluationLabel = compile<UpdateParams, LabelRow>(
  orm
    .update(evaluationLabel)
    .set({
      name: sql`coalesce(${param('name')}, ${name})`,
      description: sql`iif(${param('has_description')}, ${param('description')}, ${description})`,
      archived_at: sql`CASE ${param('archived')}
        WHEN 1 THEN coalesce(${archived_at}, ${nextVersion(evaluationLabel)}) WHEN 0 THEN NULL ELSE ${archived_at} END`,
      updated_by: param('subject'),
      updated_at: nextVersion(evaluationLabel),
      write_id: param('write_id'),
    })
    .where(
      all(
        isOwn,
        sql`NOT ${isStored}`,
        preconditionHolds(evaluationLabel),
        sql`${changedField(evaluationLabel, IMMUTABLE)} IS NULL`,
      ),
    )
    .returning(resourceColumns),
);

/** Returns nothing if the update changed the row; a row of NULLs if the account has no such label. */
export const explainUpdateEvaluationLabel = compile<UpdateParams, UpdateExplanation>(
  orm
    .select({
      ...resourceColumns,
      is_stored: isStored.as('is_stored'),
      is_as_asked: isAsAsked.as('is_as_asked'),
      precondition_holds: preconditionHolds(evaluationLabel).as('precondition_holds'),
      changed_field: changedField(evaluationLabel, IMMUTABLE).as('changed_field'),
    })
    .from(ifNothingChanged)
    .leftJoin(evaluationLabel, isOwn),
);
