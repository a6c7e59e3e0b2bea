/** A shared label as a whole, and its copy in another database: the same row, with what never leaves a database. */
import { getTableColumns, sql } from 'drizzle-orm';
import { all, compile, orm, valuesOf } from '../db/compile.ts';
import { evaluationLabel } from '../db/schema.ts';
import { shared } from './rule.query.ts';

export type WholeLabel = typeof evaluationLabel.$inferSelect;

const columns = getTableColumns(evaluationLabel);
const isShared = all(
  sql`${evaluationLabel.account_id} = ${shared}`,
  sql`${evaluationLabel.id} = ${sql.placeholder('id')}`,
);
const copied = (name: keyof WholeLabel) => sql`${sql.placeholder(name)}`;

export const getSharedLabel = compile<{ readonly id: string }, WholeLabel>(
  orm.select(columns).from(evaluationLabel).where(isShared),
);

/** Does nothing if the label is there. */
export const insertSharedLabel = compile<WholeLabel, never>(
  orm
    .insert(evaluationLabel)
    .select(
      sql`SELECT ${valuesOf(evaluationLabel, {})} WHERE NOT EXISTS (SELECT 1 FROM ${evaluationLabel} WHERE ${isShared})`,
    ),
);

/** Does nothing if the label is as new, or newer: copies may arrive in any order. */
export const updateSharedLabel = compile<WholeLabel, never>(
  orm
    .update(evaluationLabel)
    .set({
      name: copied('name'),
      description: copied('description'),
      archived_at: copied('archived_at'),
      updated_by: copied('updated_by'),
      updated_at: copied('updated_at'),
      write_id: copied('write_id'),
    })
    .where(
      all(
        isShared,
        sql`${copied('updated_at')} > coalesce(${evaluationLabel.updated_at}, ${evaluationLabel.created_at})`,
      ),
    ),
);
