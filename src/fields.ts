/**
 * Parses the fields of request bodies, for all resources. Refuses fields that the caller cannot
 * set. This file must not depend on any resource.
 */
import * as v from 'valibot';
import { type Failure, malformed, unprocessable } from './failure.ts';
import { isAtMost, UUID } from './limits.ts';

/** A JSON object from a request, before its fields are checked. */
export type Body = { readonly [property: string]: unknown };

/** Fields that the caller cannot choose, such as `created_at`, with their values. */
export type SentFields = { readonly [field: string]: unknown };

/** Accepts a UUID in any case, and returns it in lower case. */
export const uuid = (name: string) => {
  const sentence = `${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`;
  return v.pipe(v.string(sentence), v.regex(UUID, sentence), v.toLowerCase());
};

/** Accepts a string of at most `maxChars` code points. */
export const text = (name: string, maxChars: number, mustBe = 'a string') =>
  v.pipe(
    v.string(`${name} must be ${mustBe}.`),
    // UTF-8 cannot encode half of a surrogate pair, so D1 would store another character.
    v.check(
      (sent) => sent.isWellFormed(),
      `${name} must be Unicode text: it contains half of a surrogate pair.`,
    ),
    v.check(
      (sent) => isAtMost(sent, maxChars),
      `${name} must be at most ${maxChars} characters long.`,
    ),
  );

export const textOrNull = (name: string, maxChars: number) =>
  v.nullable(text(name, maxChars, 'a string, or null'));

/**
 * Accepts only finite numbers. JSON.parse turns 1e400 into Infinity, which D1 would store as NULL.
 */
export const finiteNumber = (name: string, mustBe = 'a JSON number') =>
  v.pipe(
    v.number(({ input }) =>
      typeof input === 'string'
        ? `${name} must be ${mustBe}: send it without quotes.`
        : `${name} must be ${mustBe}.`,
    ),
    v.finite(`${name} must be a finite number: it is outside the range of a double.`),
  );

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/i;

/**
 * Validators of fields that the caller cannot choose. They refuse a value of the wrong type,
 * because it can never equal the stored value.
 */
export const storedField = {
  text: v.nullish(v.string()),
  id: v.nullish(v.pipe(v.string(), v.toLowerCase())),
  number: v.nullish(v.pipe(v.number(), v.finite())),
  /** Turns an ISO 8601 time in any time zone into the stored form: UTC with milliseconds. */
  timestamp: v.nullish(
    v.pipe(
      v.string(),
      v.transform((sent) =>
        ISO_8601.test(sent) && !Number.isNaN(Date.parse(sent))
          ? new Date(sent).toISOString()
          : sent,
      ),
    ),
  ),
};

/**
 * Parses a body by a schema, and ignores fields that the schema does not name.
 * @param readOnly an object whose keys are the fields that the caller cannot choose
 * @throws {Failure} `malformed`, or the failure of `refusal` if the field is in `readOnly`.
 */
export function parse<T extends v.GenericSchema>(
  schema: T,
  body: Body,
  readOnly: object,
  refusal: (field: string) => Failure,
): v.InferOutput<T> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = String(issue.path?.[0].key);
  throw field in readOnly ? refusal(field) : malformed(issue.message);
}

/**
 * Returns the first field whose sent value differs from the stored value. Compares a list as JSON
 * text, which is how the database stores a list.
 */
export const findDifferingField = (sent: SentFields, stored: SentFields): string | undefined =>
  Object.keys(sent).find((field) => {
    const value = Array.isArray(sent[field]) ? JSON.stringify(sent[field]) : sent[field];
    return value !== undefined && value !== stored[field];
  });

/**
 * Refuses a field that only the server sets, unless the sent value is the server's value.
 * @throws {Failure} `unprocessable`.
 */
export function refuseServerFields(sent: SentFields, stored: SentFields): void {
  const field = findDifferingField(sent, stored);
  if (field !== undefined) throw fieldIsSet(field);
}

/** Makes the failure for a field that a caller sent and only the server may set. */
export const fieldIsSet = (field: string) =>
  unprocessable(`${field} is set by the server: leave it out.`);

/** Makes the failure for a field that a caller sent and no update can change. */
export const fieldIsImmutable = (field: string) =>
  unprocessable(`${field} cannot be changed: leave it out, or send it as it is stored.`);
