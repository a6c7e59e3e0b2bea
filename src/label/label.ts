/**
 * The rule of an evaluation label in words. Whether a value is legal is decided by the statement itself (rule.query.ts);
 * this says what is allowed once it has refused, or that the label itself is at fault.
 */
import * as v from 'valibot';
import { Failure, INTERNAL_ERROR, unprocessable } from '../failure.ts';

/** How many categories a sentence names; beyond that the last one stands for the rest. */
const SHOWN_MAX_CATEGORIES = 20;

const Categories = v.pipe(v.string(), v.parseJson(), v.array(v.string()));

const Label = v.variant('value_type', [
  v.object({ value_type: v.literal('binary') }),
  v.object({
    value_type: v.literal('continuous'),
    min_value: v.nullable(v.number()),
    max_value: v.nullable(v.number()),
  }),
  v.object({ value_type: v.picklist(['categorical', 'ordinal']), categories: Categories }),
]);

/** The columns of a label that make its rule, as D1 returns them: reference data that others wrote. */
export type LabelRow = {
  readonly value_type: unknown;
  readonly min_value: unknown;
  readonly max_value: unknown;
  readonly categories: unknown;
};

/** Why a write stored nothing, once everything but the label's rule is known to hold. */
export function valueIsIllegal(label: LabelRow, labelId: string): Failure {
  const sentence = describeRule(label);
  if (sentence !== undefined) return unprocessable(sentence);
  return new Failure('inconsistent_data', INTERNAL_ERROR, {}, { cause: `evaluation_label ${labelId} cannot be read` });
}

/** What a value must be, as a sentence; undefined if the label cannot be read. */
function describeRule(row: LabelRow): string | undefined {
  const parsed = v.safeParse(Label, row);
  if (!parsed.success) return undefined;
  const label = parsed.output;
  switch (label.value_type) {
    case 'binary':
      return 'value must be 0 or 1.';
    case 'continuous':
      return describeRange(label.min_value, label.max_value);
    case 'categorical':
    case 'ordinal':
      return describeCategories(label.categories);
  }
}

/** At least one bound is there: without any, every value is legal. */
function describeRange(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `value must be between ${min} and ${max}.`;
  return min === null ? `value must be at most ${max}.` : `value must be at least ${min}.`;
}

function describeCategories(categories: readonly string[]): string {
  if (categories.length === 0) return 'No value is allowed: the evaluation label has no categories yet.';
  const all = categories.map((category, index) => `${index} (${category})`);
  const shown =
    all.length <= SHOWN_MAX_CATEGORIES ? all : [...all.slice(0, SHOWN_MAX_CATEGORIES - 1), `… ${all.at(-1)}`];
  return `value must be one of ${shown.join(', ')}.`;
}
