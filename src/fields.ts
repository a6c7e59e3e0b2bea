/**
 * Parses the fields of request bodies, for all resources, and refuses fields that the caller cannot
 * set. Each refusal names the field. This file must not depend on any resource.
 */
import * as v from 'valibot';
import { type Failure, malformed, unprocessable } from './failure.ts';
import { isAtMost, UUID } from './limits.ts';

/** A JSON object from a request, before its fields are checked. */
export type Body = { readonly [property: string]: unknown };

/**
 * Values of fields that the caller cannot choose, such as `created_at`. The keys are the names of
 * the fields. One such object has the values that the caller sent, and another has the server's
 * values. The functions below compare the two objects.
 */
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
    // JSON can contain half of a surrogate pair, such as "\ud83d". UTF-8 cannot encode it, so D1
    // would store another character.
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
 * Accepts only finite numbers. JSON.parse turns 1e400 into Infinity, and D1 would store Infinity as
 * NULL.
 */
export const finiteNumber = (name: string, mustBe = 'a JSON number') =>
  v.pipe(
    v.number(({ input }) =>
      // Some senders turn every field into a string, so this sentence tells how to send a number.
      typeof input === 'string'
        ? `${name} must be ${mustBe}: send it without quotes.`
        : `${name} must be ${mustBe}.`,
    ),
    v.finite(`${name} must be a finite number: it is outside the range of a double.`),
  );

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/i;

/**
 * Parsers of fields that the caller cannot choose. The caller may send such a field only with the
 * value that is stored, or that the server will store. Each parser refuses a value of a wrong type,
 * such as a number for an id, because such a value can never equal the stored value.
 */
export const storedField = {
  text: v.nullish(v.string()),
  /** Turns an id into lower case, because stored ids are in lower case. */
  id: v.nullish(v.pipe(v.string(), v.toLowerCase())),
  number: v.nullish(v.pipe(v.number(), v.finite())),
  /**
   * Turns an ISO 8601 time in any time zone into UTC with milliseconds, because stored times have
   * this form.
   */
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
 * Parses a body by a schema, and returns the fields that the schema names. Ignores all other fields
 * of the body.
 * @param readOnly an object whose keys are the fields that the caller cannot choose
 * @param refusal makes the failure for a field in `readOnly`, from the field's name
 * @throws {Failure} for the first field that the schema refuses: the failure of `refusal` if the
 * field is in `readOnly`, otherwise `malformed`.
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
 * Returns the name of the first field that the caller sent with another value than the stored one;
 * undefined if all sent values equal the stored values. The database stores a list as JSON text,
 * so this function turns a sent list into JSON before it compares.
 */
export const findDifferingField = (sent: SentFields, stored: SentFields): string | undefined =>
  Object.keys(sent).find((field) => {
    const value = Array.isArray(sent[field]) ? JSON.stringify(sent[field]) : sent[field];
    return value !== undefined && value !== stored[field];
  });

/**
 * Refuses the request if the caller sent a field that the server sets, with another value than the
 * server's value.
 * @param stored the server's values
 * @throws {Failure} `unprocessable`.
 */
export function refuseServerFields(sent: SentFields, stored: SentFields): void {
  const field = findDifferingField(sent, stored);
  if (field !== undefined) throw fieldIsSet(field);
}

/** Makes the failure `unprocessable` for a sent field that only the server sets. */
export const fieldIsSet = (field: string) =>
  unprocessable(`${field} is set by the server: leave it out.`);

/** Makes the failure `unprocessable` for a sent field that no update can change. */
export const fieldIsImmutable = (field: string) =>
  unprocessable(`${field} cannot be changed: leave it out, or send it as it is stored.`);
