/** The table, as both peers would write it. */
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
});

export type Bindings = {
  DB: D1Database;
  JWT_ALG: 'HS256' | 'RS256' | 'ES256' | 'EdDSA';
  JWT_SECRET?: string;
  JWT_JWKS?: string;
  JWT_ISSUER: string;
  JWT_AUDIENCE: string;
};
