/** Parses the body that creates a link, and the form that a person sends from a link's page. */
import * as v from 'valibot';
import { type Failure, malformed, unprocessable } from '../failure.ts';
import {
  type Body,
  fieldIsSet,
  finiteNumber,
  parse,
  type SentFields,
  storedField,
  text,
} from '../fields.ts';
import {
  ANSWER_MAX_CHARS,
  isAtMost,
  LINK_DEFAULT_SECONDS,
  LINK_MAX_SECONDS,
  LINK_MIN_SECONDS,
  LINK_NAME_MAX_CHARS,
  PATH_MAX_CHARS,
  POINTER_MAX_CHARS,
  VALUES_MAX_COUNT,
  WHERE_MAX_COUNT,
} from '../limits.ts';
import { parsePointer } from '../pointer.ts';
import { LINK_DEFAULTS, type Values, type Where } from './key.ts';

export const EXPIRES_IN = `expires_in must be a whole number of seconds from ${LINK_MIN_SECONDS} to ${LINK_MAX_SECONDS}.`;
export const NAME = `name must be 1 to ${LINK_NAME_MAX_CHARS} letters, digits, or any of . _ @ + -`;
const pointerSentence = (field: string) =>
  `${field} must be a JSON Pointer (RFC 6901): empty, or /, followed by names with ~ written ~0 and / written ~1.`;
export const POINTER = pointerSentence('pointer');
export const DELIVERY_POINTER = pointerSentence('delivery');
export const ONE_PLACE = 'Send pointer or path, not both: each names the place of the value.';
export const VALUES = `values must be an object of at most ${VALUES_MAX_COUNT} numbers, such as {"approved":1,"rejected":0}.`;
export const WHERE = `where must be an object of at most ${WHERE_MAX_COUNT} JSON Pointers, each with a text, a number, true, false, null, or a list of 1 to ${WHERE_MAX_COUNT} of these, such as {"/review/state":["approved","rejected"]}.`;
const WHERE_NUMBER = `A number in where must be from -${Number.MAX_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}: beyond these, different numbers are read as the same one.`;

/**
 * The fields that the server sets. A body may repeat the server's value; the API refuses any other
 * value.
 */
export const SERVER_FIELDS = {
  id: storedField.text,
  url: storedField.text,
  expires_at: storedField.text,
  run_id: storedField.id,
  evaluation_id: storedField.id,
  author: storedField.text,
};

/** Refuses half of a surrogate pair, because some languages cannot read it in JSON. */
const unicode = (name: string) =>
  v.pipe(
    v.string(),
    v.check(
      (sent) => sent.isWellFormed(),
      `each ${name} must be Unicode text: one contains half of a surrogate pair.`,
    ),
  );

/** Refuses numbers beyond 2^53 - 1, because JSON.parse may read two of them as the same number. */
const exactNumber = v.pipe(
  v.number(),
  v.minValue(Number.MIN_SAFE_INTEGER, WHERE_NUMBER),
  v.maxValue(Number.MAX_SAFE_INTEGER, WHERE_NUMBER),
);

const scalar = v.union([unicode('text of where'), exactNumber, v.boolean(), v.null()], WHERE);
const scalars = v.pipe(
  v.array(scalar, WHERE),
  v.minLength(1, WHERE),
  v.maxLength(WHERE_MAX_COUNT, WHERE),
);
const jsonPointer = (field: string, sentence: string) =>
  v.pipe(
    text(field, POINTER_MAX_CHARS),
    v.check((sent) => parsePointer(sent) !== undefined, sentence),
  );

export const LinkCreateBody = v.object(
  {
    expires_in: v.nullish(
      v.pipe(
        v.number(EXPIRES_IN),
        v.integer(EXPIRES_IN),
        v.minValue(LINK_MIN_SECONDS, EXPIRES_IN),
        v.maxValue(LINK_MAX_SECONDS, EXPIRES_IN),
      ),
      LINK_DEFAULT_SECONDS,
    ),
    name: v.nullish(
      v.pipe(v.string(NAME), v.regex(new RegExp(`^[\\w.@+-]{1,${LINK_NAME_MAX_CHARS}}$`), NAME)),
    ),
    pointer: v.nullish(jsonPointer('pointer', POINTER), LINK_DEFAULTS.pointer),
    path: v.nullish(text('path', PATH_MAX_CHARS)),
    values: v.nullish(
      v.pipe(
        v.record(unicode('key of values'), finiteNumber('each of values'), VALUES),
        v.maxEntries(VALUES_MAX_COUNT, VALUES),
      ),
      LINK_DEFAULTS.values,
    ),
    where: v.nullish(
      v.pipe(
        v.record(
          jsonPointer('each pointer of where', WHERE),
          v.union([scalar, scalars], WHERE),
          WHERE,
        ),
        v.maxEntries(WHERE_MAX_COUNT, WHERE),
      ),
    ),
    delivery: v.nullish(jsonPointer('delivery', DELIVERY_POINTER)),
    ...SERVER_FIELDS,
  },
  'The body must be an object, such as {"name":"anna"}, or empty.',
);

/** `expires_in` is in seconds. */
export type LinkCreate = {
  readonly expires_in: number;
  readonly name: string | undefined;
  readonly pointer: string;
  readonly path: string | undefined;
  readonly values: Values;
  readonly where: Where | undefined;
  readonly delivery: string | undefined;
  /** The fields that the caller sent although the server sets them. */
  readonly sent: SentFields;
};

/**
 * Parses the body that creates a link.
 * @throws {Failure} `malformed`; or `unprocessable` for a field that the server sets.
 */
export function parseLinkCreate(body: Body): LinkCreate {
  // `v.record` would accept an array.
  if (Array.isArray(body['values'])) throw malformed(VALUES);
  if (Array.isArray(body['where'])) throw malformed(WHERE);
  const { expires_in, name, pointer, path, values, where, delivery, ...sent } = parse(
    LinkCreateBody,
    body,
    SERVER_FIELDS,
    fieldIsSet,
  );
  if (typeof path === 'string' && typeof body['pointer'] === 'string') throw malformed(ONE_PLACE);
  const lost = findLostKey(body['values'], values);
  if (lost !== undefined) throw malformed(`values cannot have the key ${lost}.`);
  if (findLostKey(body['where'], where) !== undefined) throw malformed(WHERE);
  return {
    expires_in,
    name: name ?? undefined,
    pointer,
    path: path ?? undefined,
    values,
    where: where ?? undefined,
    delivery: delivery ?? undefined,
    sent,
  };
}

/** Returns the name of a property that valibot dropped without an error, such as `__proto__`. */
const findLostKey = (sent: unknown, parsed: object | null | undefined) =>
  Object.keys(sent ?? {}).find((key) => !Object.hasOwn(parsed ?? {}, key));

/** `version` is the version of the evaluation that the page showed. */
export type Answer = { readonly version: string; readonly text: string };

/** Returns null unless the form has exactly the two fields `version` and `value`. */
export function readAnswer(form: URLSearchParams): Answer | null {
  const [version, text] = [form.get('version'), form.get('value')];
  return version === null || text === null || form.size !== 2
    ? null
    : { version, text: text.trim() };
}

/** Returns a failure `unprocessable` if a field of the answer is too long; otherwise undefined. */
export function findLengthFault({ version, text }: Answer): Failure | undefined {
  if (!isAtMost(text, ANSWER_MAX_CHARS))
    return unprocessable(`value must be at most ${ANSWER_MAX_CHARS} characters long.`);
  if (!isAtMost(version, ANSWER_MAX_CHARS))
    return unprocessable('The answer is not to the page of this link: open the link again.');
  return undefined;
}

/**
 * Parses a person's answer in the format of a browser's number field (HTML: valid floating-point
 * number). Returns a failure instead of throwing it, because the page shows the message.
 */
export function parseAnsweredValue(answer: Answer): number | Failure {
  const { text } = answer;
  const fault = findLengthFault(answer);
  if (fault) return fault;
  const value = /^-?(?:\d+|\d*\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : malformed('value must be a number, such as 7 or 7.5.');
}
