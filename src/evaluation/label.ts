/**
 * What an evaluation label allows, in words. Whether a value is legal the statement itself decides (store.ts);
 * this says what is allowed once the statement has refused, or that the label itself is at fault.
 */
import * as v from 'valibot';

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

/** What a value must be, as a sentence; undefined where the label cannot be read. */
export function describeRule(row: LabelRow): string | undefined {
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

function describeRange(min: number | null, max: number | null): string | undefined {
  if (min !== null && max !== null) return min <= max ? `value must be between ${min} and ${max}.` : undefined;
  if (min !== null) return `value must be at least ${min}.`;
  if (max !== null) return `value must be at most ${max}.`;
  return 'value must be a finite number.';
}

function describeCategories(categories: readonly string[]): string {
  if (categories.length === 0) return 'No value is allowed: the evaluation label has no categories yet.';
  return `value must be one of ${categories.map((category, index) => `${index} (${category})`).join(', ')}.`;
}
