/** Explains in an error message why the SQL of rule.query.ts refused a value. */
import type { OrNulls } from '../db/statement.ts';
import { type Failure, unprocessable } from '../failure.ts';
import type { LabelRow } from './read.ts';

const SHOWN_MAX_CATEGORIES = 20;

type RuleRow = Pick<LabelRow, 'value_type' | 'min_value' | 'max_value' | 'categories'>;

/**
 * Returns a failure `unprocessable` if the label does not allow the value. A missing label allows
 * every value.
 */
export function findValueRefusal(rule: OrNulls<RuleRow>, value: number): Failure | undefined {
  const { value_type, min_value: min, max_value: max } = rule;
  if (value_type === null) return undefined;
  if (value_type === 'binary') {
    return value === 0 || value === 1 ? undefined : unprocessable('value must be 0 or 1.');
  }
  if (value_type === 'continuous') {
    const isWithin = value >= (min ?? value) && value <= (max ?? value);
    return isWithin ? undefined : unprocessable(describeRange(min, max));
  }
  const categories: readonly string[] = JSON.parse(rule.categories ?? '[]');
  const isIndex = Number.isInteger(value) && value >= 0 && value < categories.length;
  return isIndex ? undefined : unprocessable(describeCategories(categories));
}

/** At least one bound is not null, because a label without bounds refuses no value. */
function describeRange(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `value must be between ${min} and ${max}.`;
  return min === null ? `value must be at most ${max}.` : `value must be at least ${min}.`;
}

function describeCategories(categories: readonly string[]): string {
  const all = categories.map((category, index) => `${index} (${category})`);
  const shown =
    all.length <= SHOWN_MAX_CATEGORIES
      ? all
      : [...all.slice(0, SHOWN_MAX_CATEGORIES - 1), `… ${all.at(-1)}`];
  return `value must be one of ${shown.join(', ')}.`;
}
