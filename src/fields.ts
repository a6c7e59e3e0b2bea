/**
 * What request bodies of all resources are made of: fields and how each is spelled, and what is refused of fields that are
 * not the caller's to set. Knows no resource. Each field says by its name what is wrong with it.
 */
import * as v from 'valibot';
import { type Failure, malformed, unprocessable } from './failure.ts';
import { isAtMost, UUID } from './limits.ts';

/** A JSON object, of which nothing is known yet. */
export type Body = { readonly [property: string]: unknown };

/** Fields that were sent although they are not the caller's to set. */
export type SentFields = { readonly [field: string]: unknown };

export const uuid = (name: string) => {
  const sentence = `${name} must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`;
  return v.pipe(v.string(sentence), v.regex(UUID, sentence), v.toLowerCase());
};

export const text = (name: string, maxChars: number, mustBe = 'a string') =>
  v.pipe(
    v.string(`${name} must be ${mustBe}.`),
    // D1 would store half of a surrogate pair, which JSON can spell and UTF-8 cannot, as another character.
    v.check(
      (sent) => sent.isWellFormed(),
      `${name} must be Unicode text: it holds half of a surrogate pair.`,
    ),
    v.check(
      (sent) => isAtMost(sent, maxChars),
      `${name} must be at most ${maxChars} characters long.`,
    ),
  );

export const textOrNull = (name: string, maxChars: number) =>
  v.nullable(text(name, maxChars, 'a string, or null'));

/** A number as D1 stores it: JSON.parse turns 1e400 into Infinity, which D1 would store as NULL. */
export const finiteNumber = (name: string, mustBe = 'a JSON number') =>
  v.pipe(
    v.number(({ input }) =>
      // Some senders turn every field into text.
      typeof input === 'string'
        ? `${name} must be ${mustBe}: send it without quotes.`
        : `${name} must be ${mustBe}.`,
    ),
    v.finite(`${name} must be a finite number: it is outside the range of a double.`),
  );

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/i;

/** Fields that may be sent only as they are, or will be, stored. What is nothing of the kind equals no stored one. */
export const asStored = {
  text: v.nullish(v.string()),
  /** Compared in lower case. */
  id: v.nullish(v.pipe(v.string(), v.toLowerCase())),
  number: v.nullish(v.pipe(v.number(), v.finite())),
  /** The same instant in another spelling of ISO 8601 (another zone, other digits of the second) is the same field. */
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
 * The fields of the schema; whatever else was sent is ignored. `ours` are those that are not the caller's to set: what is
 * wrong with one of them is that it was sent.
 * @throws {Failure} `malformed`, or the refusal of one of those fields.
 */
export function parse<T extends v.GenericSchema>(
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

/** The first field that was sent with another value than the stored one. Lists are stored as JSON. */
export const differingField = (sent: SentFields, stored: SentFields): string | undefined =>
  Object.keys(sent).find((field) => {
    const value = Array.isArray(sent[field]) ? JSON.stringify(sent[field]) : sent[field];
    return value !== undefined && value !== stored[field];
  });

/**
 * Refuses a field that the server sets and that was sent with another value.
 * @throws {Failure} `unprocessable`.
 */
export function refuseServerFields(sent: SentFields, stored: SentFields): void {
  const field = differingField(sent, stored);
  if (field !== undefined) throw fieldIsSet(field);
}

export const fieldIsSet = (field: string) =>
  unprocessable(`${field} is set by the server: leave it out.`);

export const fieldIsImmutable = (field: string) =>
  unprocessable(`${field} cannot be changed: leave it out, or send it as it is stored.`);
