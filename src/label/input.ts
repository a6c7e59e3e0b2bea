/** Parses the bodies that create and update a label. */
import * as v from 'valibot';
import {
  type Body,
  fieldIsImmutable,
  fieldIsSet,
  finiteNumber,
  parse,
  type SentFields,
  storedField,
  text,
  textOrNull,
  uuid,
} from '../fields.ts';
import {
  CATEGORIES_MAX_COUNT,
  CATEGORY_MAX_CHARS,
  isAtMost,
  LABEL_DESCRIPTION_MAX_CHARS,
  LABEL_NAME_MAX_CHARS,
} from '../limits.ts';
import type { EvaluationLabel } from './read.ts';

export const VALUE_TYPES = [
  'binary',
  'continuous',
  'categorical',
  'ordinal',
] as const satisfies EvaluationLabel['value_type'][];

const Name = v.pipe(
  text('name', LABEL_NAME_MAX_CHARS),
  v.check((name) => name !== '', 'name must not be empty.'),
);
const Description = textOrNull('description', LABEL_DESCRIPTION_MAX_CHARS);
const Archived = v.boolean('archived must be true or false.');

const BOUND = 'a JSON number, or null';
export const CATEGORIES = `categories must be 1 to ${CATEGORIES_MAX_COUNT} different strings of Unicode text, each of 1 to ${CATEGORY_MAX_CHARS} characters.`;
const Categories = v.pipe(
  v.array(v.string(CATEGORIES), CATEGORIES),
  v.check(
    (all) =>
      all.length >= 1 &&
      all.length <= CATEGORIES_MAX_COUNT &&
      new Set(all).size === all.length &&
      all.every((one) => one !== '' && one.isWellFormed() && isAtMost(one, CATEGORY_MAX_CHARS)),
    CATEGORIES,
  ),
);

/** A caller may send these fields only with the stored value. */
export const IMMUTABLE = {
  id: storedField.id,
  account_id: storedField.text,
  value_type: storedField.text,
  min_value: storedField.number,
  max_value: storedField.number,
  categories: v.nullish(v.array(v.string())),
  archived_at: storedField.timestamp,
  created_by: storedField.text,
  created_at: storedField.timestamp,
} satisfies Record<
  Exclude<keyof EvaluationLabel, 'name' | 'description' | 'updated_by' | 'updated_at'>,
  unknown
>;

const { account_id, archived_at, created_by, created_at } = IMMUTABLE;
/**
 * The fields that the server sets. A body may repeat the server's value; the API refuses any other
 * value.
 */
export const SERVER_FIELDS = {
  account_id,
  archived: v.nullish(v.boolean()),
  archived_at,
  created_by,
  created_at,
};

export const LabelCreateBody = v.pipe(
  v.object(
    {
      name: Name,
      description: v.optional(Description, null),
      value_type: v.picklist(
        VALUE_TYPES,
        'value_type must be binary, continuous, categorical or ordinal.',
      ),
      min_value: v.optional(v.nullable(finiteNumber('min_value', BOUND)), null),
      max_value: v.optional(v.nullable(finiteNumber('max_value', BOUND)), null),
      categories: v.optional(v.nullable(Categories), null),
      id: v.optional(uuid('id')),
      ...SERVER_FIELDS,
    },
    'The body must have the properties name, a string, and value_type.',
  ),
  v.check(
    ({ value_type, min_value, max_value }) =>
      value_type === 'continuous' || (min_value === null && max_value === null),
    'min_value and max_value are for a continuous label only: leave them out.',
  ),
  v.check(
    ({ min_value, max_value }) =>
      min_value === null || max_value === null || min_value <= max_value,
    'min_value must not be greater than max_value.',
  ),
  v.check(
    ({ value_type, categories }) =>
      (value_type === 'categorical' || value_type === 'ordinal') === (categories !== null),
    'categories are for a categorical or ordinal label, which must have them, and for no other.',
  ),
);

type LabelContent = Pick<
  EvaluationLabel,
  'name' | 'description' | 'value_type' | 'min_value' | 'max_value' | 'categories'
>;

export type LabelCreate = {
  readonly id: string | undefined;
  readonly content: LabelContent;
  /** The fields that the caller sent although the server sets them. */
  readonly sent: SentFields & { readonly created_by?: unknown };
};

/**
 * Parses the body of a create.
 * @throws {Failure} `malformed`; or `unprocessable` for a field that the server sets.
 */
export function parseLabelCreate(body: Body): LabelCreate {
  const parsed = parse(LabelCreateBody, body, SERVER_FIELDS, fieldIsSet);
  const { id, name, description, value_type, min_value, max_value, categories, ...sent } = parsed;
  return { id, content: { name, description, value_type, min_value, max_value, categories }, sent };
}

const CHANGES = {
  name: v.optional(Name),
  description: v.optional(Description),
  archived: v.optional(Archived),
};

export const LabelUpdateBody = v.pipe(
  v.object({ ...CHANGES, ...IMMUTABLE }),
  v.check(
    ({ name, description, archived }) =>
      name !== undefined || description !== undefined || archived !== undefined,
    'The body must have name, description or archived: nothing else of a label can change.',
  ),
);

/** A field that is undefined does not change. */
export type LabelUpdate = {
  readonly name: string | undefined;
  readonly description: string | null | undefined;
  readonly archived: boolean | undefined;
  readonly immutable: SentFields;
};

/**
 * Parses the body of an update.
 * @throws {Failure} `malformed`; or `unprocessable` for an immutable field.
 */
export function parseLabelUpdate(body: Body): LabelUpdate {
  const { name, description, archived, ...immutable } = parse(
    LabelUpdateBody,
    body,
    IMMUTABLE,
    fieldIsImmutable,
  );
  return { name, description, archived, immutable };
}
