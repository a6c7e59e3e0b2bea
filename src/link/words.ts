/** What the page of a link calls values, bounds and times. */
import type { PageRow } from './answer.ts';

/** The categories that can be chosen, in the order of their values; undefined if the value is any number. */
export function choicesOf({ value_type, categories }: PageRow): readonly string[] | undefined {
  if (value_type === 'binary') return ['No', 'Yes'];
  return categories === null ? undefined : JSON.parse(categories);
}

/** The value as the label calls it. */
export const wordOf = (row: PageRow, value: number) => choicesOf(row)?.[value] ?? String(value);

export function boundsOf(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return `from ${min} to ${max}`;
  if (min !== null) return `${min} or more`;
  return max === null ? 'a number' : `${max} or less`;
}

/** Kept, because making one costs more than using it. */
let format: Intl.DateTimeFormat | undefined;

/** To the minute, in UTC: where the reader is cannot be known without a script. */
export function timeInWords(at: string): string {
  format ??= new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return `${format.format(new Date(at))} UTC`;
}
