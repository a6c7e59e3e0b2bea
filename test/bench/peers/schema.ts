/** Defines the tables, the bindings and the label rule that the peers share. */
import { getTableColumns } from 'drizzle-orm';
import { real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const runEvaluation = sqliteTable('run_evaluation', {
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
  write_id: text().notNull(),
});

const { write_id, ...columns } = getTableColumns(runEvaluation);
export const resource = columns;

export const evaluationLabel = sqliteTable('evaluation_label', {
  id: text().primaryKey(),
  account_id: text().notNull(),
  name: text().notNull(),
  description: text(),
  value_type: text({ enum: ['binary', 'continuous', 'categorical', 'ordinal'] }).notNull(),
  min_value: real(),
  max_value: real(),
  categories: text({ mode: 'json' }).$type<string[]>(),
});

export function isAllowed(label: typeof evaluationLabel.$inferSelect, value: number): boolean {
  if (label.value_type === 'binary') return value === 0 || value === 1;
  if (label.value_type === 'continuous')
    return value >= (label.min_value ?? value) && value <= (label.max_value ?? value);
  return Number.isInteger(value) && value >= 0 && value < (label.categories?.length ?? 0);
}

export type Bindings = {
  DB: D1Database;
  JWT_ALG: 'HS256' | 'RS256' | 'ES256' | 'EdDSA';
  JWT_SECRET?: string;
  JWT_JWKS?: string;
  JWT_ISSUER: string;
  JWT_AUDIENCE: string;
};
