/** The resource EvaluationLabel, and the row behind it. */
import type { evaluationLabel } from '../db/schema.ts';

/** What an evaluation's value means. Ids are UUIDs in lower case, times ISO 8601 in UTC with milliseconds. */
export type EvaluationLabel = {
  id: string;
  /** The account that it belongs to; `shared` if it is everyone's. */
  account_id: string;
  name: string;
  description: string | null;
  value_type: 'binary' | 'continuous' | 'categorical' | 'ordinal';
  min_value: number | null;
  max_value: number | null;
  categories: string[] | null;
  archived_at: string | null;
  created_by: string | null;
  created_at: string;
  updated_by: string | null;
  /** Absent until the first update; never null. */
  updated_at?: string;
};

/** A row as the database returns it. */
export type LabelRow = Omit<EvaluationLabel, 'categories' | 'updated_at'> & {
  /** A JSON array of strings. */
  categories: string | null;
  updated_at: string | null;
};

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
type Assert<T extends true> = T;
/** Does not compile when the table and the resource differ in a name or a type. */
export type TableMirrorsResource = Assert<
  Same<Flat<LabelRow>, Flat<Omit<typeof evaluationLabel.$inferSelect, 'create_digest' | 'write_id'>>>
>;

/** The fields that no update changes; `archived_at` follows from `archived`. */
export const IMMUTABLE_FIELDS = [
  'id',
  'account_id',
  'value_type',
  'min_value',
  'max_value',
  'categories',
  'archived_at',
  'created_by',
  'created_at',
] as const satisfies readonly (keyof EvaluationLabel)[];

export function resourceOf(row: LabelRow): EvaluationLabel {
  const { categories, updated_at, ...fields } = row;
  const label = { ...fields, categories: categories === null ? null : JSON.parse(categories) };
  return updated_at === null ? label : { ...label, updated_at };
}

/** The state of a label: grows with each stored change and with nothing else. Its entity tag is this in quotes. */
export const versionOf = ({ updated_at, created_at }: LabelRow) => updated_at ?? created_at;
