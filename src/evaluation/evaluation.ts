/** The resource: what the published contract calls RunEvaluation, the row behind it, and what was replaced of it. */
import type { runEvaluation, runEvaluationHistory } from '../db/schema.ts';

/** The published RunEvaluation. Ids are UUIDs in lower case, times ISO 8601 in UTC with milliseconds. */
export type RunEvaluation = {
  id: string;
  /** A plain string, never a UUID; so are `created_by` and `updated_by`. */
  account_id: string;
  run_id: string;
  output_name: string | null;
  field_path: string | null;
  evaluation_label_id: string;
  /** Any finite IEEE 754 double that the label allows. */
  value: number;
  created_by: string | null;
  created_by_evaluator_id: string | null;
  created_at: string;
  updated_by: string | null;
  /** Absent until the first update; never null. */
  updated_at?: string;
};

/** A row as the database returns it: the resource, but for the one field that is absent instead of null. */
export type EvaluationRow = Omit<RunEvaluation, 'updated_at'> & { updated_at: string | null };

/** Which evaluation: both ids in lower case, as they are stored. */
export type EvaluationPath = { readonly run_id: string; readonly id: string };

/** A value that was replaced: who had set it and when, who replaced it and when. */
export type ReplacedRow = {
  evaluation_id: string;
  value: number;
  updated_by: string | null;
  updated_at: string;
  replaced_by: string | null;
  replaced_at: string;
};

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
/** All columns but the one that never leaves the database. */
type Stored<T> = Flat<Omit<T, 'write_id'>>;
type Assert<T extends true> = T;
/** Do not compile when a table and its resource differ in a name or a type. */
export type TableMirrorsResource = Assert<Same<Flat<EvaluationRow>, Stored<typeof runEvaluation.$inferSelect>>>;
export type HistoryMirrorsResource = Assert<
  Same<ReplacedRow, Flat<Omit<Stored<typeof runEvaluationHistory.$inferSelect>, 'account_id'>>>
>;

/** The fields that no update changes. */
export const IMMUTABLE_FIELDS = [
  'id',
  'account_id',
  'run_id',
  'output_name',
  'field_path',
  'evaluation_label_id',
  'created_by',
  'created_by_evaluator_id',
  'created_at',
] as const satisfies readonly (keyof RunEvaluation)[];

export function resourceOf(row: EvaluationRow): RunEvaluation {
  const { updated_at, ...fields } = row;
  return updated_at === null ? fields : { ...fields, updated_at };
}

/** The state of an evaluation: grows with each stored change and with nothing else. Its entity tag is this in quotes. */
export const versionOf = ({ updated_at, created_at }: EvaluationRow) => updated_at ?? created_at;
