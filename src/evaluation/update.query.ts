/**
 * The update, and the query that explains why it stored nothing. They run in one transaction, so nothing changes in
 * between. Each condition stands here once: the update carries it, the explanation tells which one failed.
 */
import { sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { all, compile, ifNothingChanged, orm } from '../db/compile.ts';
import {
  type CommonUpdateParams,
  changedField,
  nextVersion,
  preconditionHolds,
} from '../db/conditions.ts';
import { evaluationLabel, runEvaluation, runEvaluationHistory } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import { allowsUpdate, isLabelOf, ruleColumns } from '../label/rule.query.ts';
import type { RuleRow } from '../label/rule.ts';
import {
  inScope,
  isNotRevoked,
  type LinkScope,
  resourceColumns,
  type Scope,
} from './evaluation.query.ts';
import type { EvaluationRow } from './evaluation.ts';
import { IMMUTABLE } from './input.ts';

export type UpdateParams = CommonUpdateParams & Scope & LinkScope & { readonly value: number };

/** The row as it is, its label's rule, and the conditions in the order in which they are told. */
export type UpdateExplanation = OrNulls<EvaluationRow> &
  OrNulls<RuleRow> & {
    /** The row holds what this write stored. */
    readonly is_in_row: 0 | 1 | null;
    /** What this write stored, and when, if another write has replaced it since. */
    readonly replaced_value: number | null;
    readonly replaced_updated_at: string | null;
    readonly precondition_holds: 0 | 1;
    readonly changed_field: string | null;
  };

const param = (name: keyof UpdateParams) => sql`${sql.placeholder(name)}`;

/** The row holds what this write stored; or, without a precondition and a key, what the same author sends again. */
const isInRow = sql`(${runEvaluation.write_id} = ${param('write_id')} OR (${param('is_repeatable')}
  AND ${runEvaluation.value} = ${param('value')}
  AND ${runEvaluation.updated_by} IS ${param('subject')}
  AND ${runEvaluation.updated_at} IS NOT NULL))`;

const replaced = alias(runEvaluationHistory, 'replaced');

/**
 * What this write stored and another has replaced since. Every attempt asks, also the first, so that one that arrives late
 * does no harm. A range of the primary key: usually empty, however often the row was changed.
 */
const isReplaced = all(
  sql`${replaced.account_id} = ${runEvaluation.account_id}`,
  sql`${replaced.evaluation_id} = ${runEvaluation.id}`,
  sql`${replaced.replaced_at} > ${param('since')}`,
  sql`${replaced.write_id} = ${param('write_id')}`,
);

const label = [
  sql`${runEvaluation.account_id}`,
  sql`${runEvaluation.evaluation_label_id}`,
] as const;

/** The evaluation of the path; through a link, only if that is not revoked. Without a link no revocation is looked up. */
const inScopeOfWriter = all(inScope, sql`(${param('link_id')} IS NULL OR ${isNotRevoked})`);

/** Returns the changed row; nothing if a condition failed, or if this write is stored already. */
export const updateEvaluation = compile<UpdateParams, EvaluationRow>(
  orm
    .update(runEvaluation)
    .set({
      value: param('value'),
      updated_by: param('subject'),
      updated_at: nextVersion(runEvaluation),
      write_id: param('write_id'),
    })
    .where(
      all(
        inScopeOfWriter,
        sql`NOT ${isInRow}`,
        sql`NOT EXISTS (SELECT 1 FROM ${runEvaluationHistory} AS replaced WHERE ${isReplaced})`,
        preconditionHolds(runEvaluation),
        sql`${changedField(runEvaluation, IMMUTABLE)} IS NULL`,
        allowsUpdate(...label),
      ),
    )
    .returning(resourceColumns),
);

/**
 * Returns nothing if the update changed the row; a row of NULLs if there is no such evaluation in the scope. A key that was
 * used again after it was forgotten names two writes: then two rows, in the order of the key, of which the last counts.
 */
export const explainUpdateEvaluation = compile<UpdateParams, UpdateExplanation>(
  orm
    .select({
      ...resourceColumns,
      is_in_row: isInRow.as('is_in_row'),
      replaced_value: sql`${replaced.value}`.as('replaced_value'),
      replaced_updated_at: sql`${replaced.updated_at}`.as('replaced_updated_at'),
      precondition_holds: preconditionHolds(runEvaluation).as('precondition_holds'),
      changed_field: changedField(runEvaluation, IMMUTABLE).as('changed_field'),
      ...ruleColumns,
    })
    .from(ifNothingChanged)
    .leftJoin(runEvaluation, inScopeOfWriter)
    .leftJoin(replaced, isReplaced)
    .leftJoin(evaluationLabel, isLabelOf(...label)),
);
