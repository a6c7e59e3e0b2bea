/**
 * The rule of an evaluation label in words. Whether a value is legal is decided by the statement itself (rule.query.ts);
 * this says what is allowed once it has refused.
 */
import type { OrNulls } from '../db/statement.ts';
import { type Failure, unprocessable } from '../failure.ts';
import type { LabelRow } from './label.ts';

/** How many categories a sentence names; beyond that the last one stands for the rest. */
const SHOWN_MAX_CATEGORIES = 20;

/** The columns of a label that make its rule. */
export type RuleRow = Pick<LabelRow, 'value_type' | 'min_value' | 'max_value' | 'categories'>;

/** Why a write stored nothing, once everything but the label's rule is known to hold. */
export function valueIsIllegal({
  value_type,
  min_value,
  max_value,
  categories,
}: OrNulls<RuleRow>): Failure {
  if (value_type === 'binary') return unprocessable('value must be 0 or 1.');
  if (value_type === 'continuous') return unprocessable(describeRange(min_value, max_value));
  return unprocessable(describeCategories(JSON.parse(categories ?? '[]')));
}

/** At least one bound is there: without any, every value is legal. */
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
