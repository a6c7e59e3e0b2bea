/** The resource and what a caller may send of it. */
import * as v from 'valibot';
import type { runEvaluation } from '../db/schema';
import { Failure } from '../failure';
import type { JsonObject } from '../http/body';

/** The published RunEvaluation. Ids are UUIDs in lower case, times ISO 8601 in UTC with milliseconds. */
export type RunEvaluation = {
  id: string;
  /** A plain string, never a UUID; so are `created_by` and `updated_by`. */
  account_id: string;
  run_id: string;
  output_name: string | null;
  field_path: string | null;
  evaluation_label_id: string;
  /** Any finite IEEE 754 double. */
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

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Flat<T> = { [K in keyof T]: T[K] };
type Assert<T extends true> = T;
/** Does not compile when the table and the resource differ in a name or a type. */
export type TableMirrorsResource = Assert<Same<Flat<EvaluationRow>, typeof runEvaluation.$inferSelect>>;

export function resourceOf(row: EvaluationRow): RunEvaluation {
  const { updated_at, ...fields } = row;
  return updated_at === null ? fields : { ...fields, updated_at };
}

/** Other properties are tolerated and have no effect: webhook senders cannot shape their payload. */
const EvaluationUpdate = v.object(
  {
    value: v.pipe(
      v.number('value must be a JSON number.'),
      // JSON.parse turns 1e400 into Infinity, which D1 would store as NULL.
      v.finite('value must be a finite number: it is outside the range of a double.'),
    ),
  },
  'The body must have the property value, a JSON number.',
);

export type EvaluationUpdate = v.InferOutput<typeof EvaluationUpdate>;

/** @throws {Failure} `malformed` when `value` is missing or not a finite number. */
export function parseEvaluationUpdate(body: JsonObject): EvaluationUpdate {
  const parsed = v.safeParse(EvaluationUpdate, body);
  if (parsed.success) return parsed.output;
  throw new Failure({ kind: 'malformed', error: parsed.issues[0].message });
}
