/**
 * What a caller may send, from `unknown` to types, once. Properties that the resource does not have are ignored: webhook
 * senders cannot shape their payload.
 */
import * as v from 'valibot';
import { type Failure, malformed, unprocessable } from '../failure.ts';
import { FIELD_PATH_MAX_CHARS, isAtMost, OUTPUT_NAME_MAX_CHARS } from '../limits.ts';
import { UUID } from '../uuid.ts';
import type { IMMUTABLE_FIELDS } from './evaluation.ts';

/** A JSON object, of which nothing is known yet. */
type Body = { readonly [property: string]: unknown };

const Value = v.pipe(
  v.number('value must be a JSON number.'),
  // JSON.parse turns 1e400 into Infinity, which D1 would store as NULL.
  v.finite('value must be a finite number: it is outside the range of a double.'),
);

const Text = v.string();
/** Compared in lower case; what is no UUID at all equals no stored one. */
const Id = v.pipe(Text, v.toLowerCase());

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/i;
/** The same instant in another spelling of ISO 8601 (another zone, other digits of the second) is the same field. */
const Timestamp = v.pipe(
  Text,
  v.transform((sent) => (ISO_8601.test(sent) && !Number.isNaN(Date.parse(sent)) ? new Date(sent).toISOString() : sent)),
);

/** Fields that may be sent only as they are, or will be, stored. */
const IMMUTABLE = {
  id: v.nullish(Id),
  account_id: v.nullish(Text),
  run_id: v.nullish(Id),
  output_name: v.nullish(Text),
  field_path: v.nullish(Text),
  evaluation_label_id: v.nullish(Id),
  created_by: v.nullish(Text),
  created_by_evaluator_id: v.nullish(Id),
  created_at: v.nullish(Timestamp),
} satisfies Record<(typeof IMMUTABLE_FIELDS)[number], unknown>;

/** What the server sets with each update, so that whatever is sent is out of date: ignored. */
const IGNORED_FIELDS = { updated_by: v.optional(v.unknown()), updated_at: v.optional(v.unknown()) };

export const EvaluationUpdateBody = v.object(
  { value: Value, ...IMMUTABLE, ...IGNORED_FIELDS },
  'The body must have the property value, a JSON number.',
);

export type SentFields = { readonly [field: string]: string | null | undefined };

export type EvaluationUpdate = {
  readonly value: number;
  /** The immutable fields that were sent, which must equal the stored ones. */
  readonly immutable: SentFields;
};

/** @throws {Failure} `malformed` for the value, `unprocessable` for an immutable field that is no text. */
export function parseEvaluationUpdate(body: Body): EvaluationUpdate {
  const parsed = parse(EvaluationUpdateBody, body, IMMUTABLE, fieldIsImmutable);
  const { value, updated_by, updated_at, ...immutable } = parsed;
  return { value, immutable };
}

const uuid = (name: string) => {
  const sentence = `${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`;
  return v.pipe(v.string(sentence), v.regex(UUID, sentence), v.toLowerCase());
};
/** D1 would store half of a surrogate pair, which JSON can spell and UTF-8 cannot, as another character. */
const textOrNull = (name: string, maxChars: number) =>
  v.nullish(
    v.pipe(
      v.string(`${name} must be a string, or null.`),
      v.check((text) => text.isWellFormed(), `${name} must be Unicode text: it holds half of a surrogate pair.`),
      v.check((text) => isAtMost(text, maxChars), `${name} must be at most ${maxChars} characters long.`),
    ),
    null,
  );

const { account_id, run_id, created_by, created_by_evaluator_id, created_at } = IMMUTABLE;
/** What the server sets. May be sent only as it will be stored: silence would hide that it is not. */
const SERVER_FIELDS = { account_id, run_id, created_by, created_by_evaluator_id, created_at };

export const EvaluationCreateBody = v.object(
  {
    evaluation_label_id: uuid('evaluation_label_id'),
    value: Value,
    output_name: textOrNull('output_name', OUTPUT_NAME_MAX_CHARS),
    field_path: textOrNull('field_path', FIELD_PATH_MAX_CHARS),
    id: v.optional(uuid('id')),
    ...SERVER_FIELDS,
    ...IGNORED_FIELDS,
  },
  'The body must have the properties evaluation_label_id, a UUID, and value, a JSON number.',
);

export type EvaluationCreate = {
  readonly id: string | undefined;
  readonly evaluation_label_id: string;
  readonly value: number;
  readonly output_name: string | null;
  readonly field_path: string | null;
  /** The fields that were sent although the server sets them. */
  readonly sent: SentFields;
};

/** @throws {Failure} `malformed` for what a caller sets, `unprocessable` for a field that the server sets and is no text. */
export function parseEvaluationCreate(body: Body): EvaluationCreate {
  const parsed = parse(EvaluationCreateBody, body, SERVER_FIELDS, fieldIsSet);
  const { id, evaluation_label_id, value, output_name, field_path, updated_by, updated_at, ...sent } = parsed;
  return { id, evaluation_label_id, value, output_name, field_path, sent };
}

/** `ours` are the fields that are not the caller's to set: what is wrong with one of them is that it was sent. */
function parse<T extends v.GenericSchema>(
  schema: T,
  body: Body,
  ours: object,
  refusal: (field: string) => Failure,
): v.InferOutput<T> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = String(issue.path?.[0].key);
  throw field in ours ? refusal(field) : malformed(issue.message);
}

/**
 * Refuses a field that the server sets and that was sent with another value; `created_at` is always another.
 * @throws {Failure} `unprocessable`.
 */
export function refuseServerFields(sent: SentFields, stored: { readonly [field: string]: unknown }): void {
  for (const [field, value] of Object.entries(sent)) {
    if (value !== undefined && value !== stored[field]) throw fieldIsSet(field);
  }
}

const fieldIsSet = (field: string) => unprocessable(`${field} is set by the server: leave it out.`);

export const fieldIsImmutable = (field: string) =>
  unprocessable(`${field} cannot be changed: leave it out, or send it as it is stored.`);
