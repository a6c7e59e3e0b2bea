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

/** The state of an evaluation: grows with each stored change and with nothing else. Its entity tag is this in quotes. */
export const versionOf = ({ updated_at, created_at }: EvaluationRow) => updated_at ?? created_at;

const ifText = (schema: v.GenericSchema<string, string>) => v.optional(v.nullable(schema));
const text = v.string();
const uuid = v.pipe(text, v.toLowerCase());
/** The same instant in another spelling of ISO 8601 (another zone, other digits of the second) is the same field. */
const timestamp = v.pipe(
  text,
  v.transform((sent) => (ISO_8601.test(sent) && Date.parse(sent) ? new Date(sent).toISOString() : sent)),
);
const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/i;

/** The fields that no update changes. A caller may send them as they are, and so put back what it got. */
const FIXED_FIELDS = {
  id: ifText(uuid),
  account_id: ifText(text),
  run_id: ifText(uuid),
  output_name: ifText(text),
  field_path: ifText(text),
  evaluation_label_id: ifText(uuid),
  created_by: ifText(text),
  created_by_evaluator_id: ifText(uuid),
  created_at: ifText(timestamp),
};

export const FIXED_FIELD_NAMES = Object.keys(FIXED_FIELDS).filter(
  (name): name is keyof typeof FIXED_FIELDS => name in FIXED_FIELDS,
);

/** Other properties are tolerated and have no effect: webhook senders cannot shape their payload. */
const EvaluationUpdate = v.object(
  {
    value: v.pipe(
      v.number('value must be a JSON number.'),
      // JSON.parse turns 1e400 into Infinity, which D1 would store as NULL.
      v.finite('value must be a finite number: it is outside the range of a double.'),
    ),
    ...FIXED_FIELDS,
  },
  'The body must have the property value, a JSON number.',
);

export type EvaluationUpdate = {
  readonly value: number;
  /** The fixed fields that were sent, which must equal the stored ones. */
  readonly fixed: { readonly [field: string]: string | null | undefined };
};

/** @throws {Failure} `malformed` when `value` is missing or not a finite number; `unprocessable` for a fixed field that is no text. */
export function parseEvaluationUpdate(body: JsonObject): EvaluationUpdate {
  const parsed = v.safeParse(EvaluationUpdate, body);
  if (parsed.success) {
    const { value, ...fixed } = parsed.output;
    return { value, fixed };
  }
  const [issue] = parsed.issues;
  const field = String(issue.path?.[0].key);
  if (field in FIXED_FIELDS) throw fieldIsFixed(field);
  throw new Failure({ kind: 'malformed', error: issue.message });
}

export const fieldIsFixed = (field: string) =>
  new Failure({
    kind: 'unprocessable',
    error: `${field} cannot be changed: leave it out, or send it as it is stored.`,
  });
