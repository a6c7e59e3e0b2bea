/**
 * Parses the bodies that create and update an evaluation. The parsers ignore unknown properties,
 * because many webhook senders cannot change their payload.
 */
import * as v from 'valibot';
import {
  type Body,
  fieldIsImmutable,
  fieldIsSet,
  finiteNumber,
  parse,
  type SentFields,
  storedField,
  textOrNull,
  uuid,
} from '../fields.ts';
import { FIELD_PATH_MAX_CHARS, OUTPUT_NAME_MAX_CHARS } from '../limits.ts';
import type { EvaluationRow } from './read.ts';

/** A caller may send these fields only with the stored value. */
export const IMMUTABLE = {
  id: storedField.id,
  account_id: storedField.text,
  run_id: storedField.id,
  output_name: storedField.text,
  field_path: storedField.text,
  evaluation_label_id: storedField.id,
  created_by: storedField.text,
  created_by_evaluator_id: storedField.id,
  created_at: storedField.timestamp,
} satisfies Record<Exclude<keyof EvaluationRow, 'value' | 'updated_by' | 'updated_at'>, unknown>;

export const EvaluationUpdateBody = v.object(
  { value: finiteNumber('value'), ...IMMUTABLE },
  'The body must have the property value, a JSON number.',
);

export type EvaluationUpdate = {
  readonly value: number;
  readonly immutable: SentFields;
};

/**
 * Parses the body of an update.
 * @throws {Failure} `malformed` for a wrong value; `unprocessable` for a wrong immutable field.
 */
export function parseEvaluationUpdate(body: Body): EvaluationUpdate {
  const { value, ...immutable } = parse(EvaluationUpdateBody, body, IMMUTABLE, fieldIsImmutable);
  return { value, immutable };
}

const { account_id, run_id, created_by, created_by_evaluator_id, created_at } = IMMUTABLE;
/**
 * The fields that the server sets. If the API ignored another value, the caller would believe that
 * the server stored it.
 */
export const SERVER_FIELDS = {
  account_id,
  run_id,
  created_by,
  created_by_evaluator_id,
  created_at,
};

export const EvaluationCreateBody = v.object(
  {
    evaluation_label_id: uuid('evaluation_label_id'),
    value: finiteNumber('value'),
    output_name: v.optional(textOrNull('output_name', OUTPUT_NAME_MAX_CHARS), null),
    field_path: v.optional(textOrNull('field_path', FIELD_PATH_MAX_CHARS), null),
    id: v.optional(uuid('id')),
    ...SERVER_FIELDS,
  },
  'The body must have the properties evaluation_label_id, a UUID, and value, a JSON number.',
);

export type EvaluationCreate = Pick<
  EvaluationRow,
  'evaluation_label_id' | 'value' | 'output_name' | 'field_path'
> & {
  readonly id: string | undefined;
  /** The fields that the caller sent although the server sets them. */
  readonly sent: SentFields;
};

/**
 * Parses the body of a create.
 * @throws {Failure} `malformed`; or `unprocessable` for a field that the server sets.
 */
export function parseEvaluationCreate(body: Body): EvaluationCreate {
  const parsed = parse(EvaluationCreateBody, body, SERVER_FIELDS, fieldIsSet);
  const { id, evaluation_label_id, value, output_name, field_path, ...sent } = parsed;
  return { id, evaluation_label_id, value, output_name, field_path, sent };
}
