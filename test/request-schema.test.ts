/**
 * Tests that the OpenAPI document and the Worker agree on which requests are well-formed. Only the
 * Worker checks the rules that JSON Schema cannot express.
 */
import type { Schema } from '@cfworker/json-schema';
import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import * as evaluation from '../src/evaluation/input.ts';
import { Failure } from '../src/failure.ts';
import type { AppContext } from '../src/http/context.ts';
import {
  cutPage,
  readLimit,
  readOptionalUuid,
  readPositionCursor,
  readTimeCursor,
  requireUuid,
} from '../src/http/params.ts';
import { parseReadPreconditions, parseUpdatePreconditions } from '../src/http/preconditions.ts';
import * as label from '../src/label/input.ts';
import { LABEL_PAGE_MAX_ROWS } from '../src/limits.ts';
import * as link from '../src/link/input.ts';
import generated from '../src/openapi.generated.json';
import { drawCursor, drawStrangeId } from './support/arbitraries.ts';
import { listErrors } from './support/document.ts';

const { seed, factor } = inject('properties');

function isAccepted(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (thrown) {
    if (thrown instanceof Failure) return false;
    throw thrown;
  }
}

/** Expects that `judge` returns true for more than `ofEach` inputs, and false for as many. */
function assertProperty<T>(
  { runs, ofEach }: { readonly runs: number; readonly ofEach: number },
  input: Arbitrary<T>,
  judge: (input: T) => boolean,
): void {
  const seen = { true: 0, false: 0 };
  const property = fc.property(input, (given) => {
    seen[`${judge(given)}`] += 1;
  });
  const result = fc.check(property, { seed, numRuns: runs * factor, includeErrorInReport: true });
  // Vitest cannot transfer a text with lone surrogates out of workerd.
  if (result.failed) throw new Error(`${fc.defaultReportMessage(result)}`.toWellFormed());
  expect(Math.min(seen.true, seen.false), `of each kind, with seed ${seed}`).toBeGreaterThan(
    ofEach,
  );
}

type Vocabulary = { readonly [keyword: string]: unknown };

type RequestSchema = {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
};

const UUID = '018f4d3a-0001-7000-8000-000000000001';
/** Values that the tests send in any property of a body. */
const ANYTHING: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 1.5, 60, 1e308, -1e308],
  // `JSON.parse` reads 1e400 as Infinity, and -1e400 as -Infinity.
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...['', ' ', 'x', 'a b', 'anna@x.y', '/', '/a~0b', '/a~2', '~', 'value', '1', '\0', '\u{1f600}'],
  ...[UUID, UUID.toUpperCase(), `urn:uuid:${UUID}`, `${UUID} `, `{${UUID}}`, `${UUID}\n`],
  ...['2026-11-01T10:00:00+01:00', '2026-11-01T10:00:00.000Z', '2026-11-01', 'yesterday'],
  ...[[], ['a'], ['a', 'b'], ['a', 'a'], ['', 'a'], [1], [null], ['\u{1f600}']],
  ...[{}, { yes: 1 }, { yes: '1' }, { yes: Number.POSITIVE_INFINITY }, { '': 0 }, { toString: 1 }],
  ...[{ '/a': 'x', '': null }, { '/a~1b': [1, false, null, 'x'] }, { '/a': [] }, { '/a': [[1]] }],
  ...[{ '/a': 2 ** 53 }, { '/a': 2 ** 53 - 1 }, { '/a~2': 1 }, { '/a': {} }, { a: true }],
  ...[JSON.parse('{"__proto__":1}'), { constructor: 1 }, { prototype: 1, yes: 1 }],
];

/** Lists the schema's enum members and constants, and the values around its bounds. */
function listNamedValues(schema: Vocabulary): unknown[] {
  const numbers = (keyword: string) =>
    typeof schema[keyword] === 'number' ? [schema[keyword]] : [];
  const around = (bound: number) => [bound - 1, bound, bound + 1].filter((count) => count >= 0);
  const texts = [...numbers('minLength'), ...numbers('maxLength')].flatMap(around);
  const lists = [...numbers('minItems'), ...numbers('maxItems')].flatMap(around);
  const maps = numbers('maxProperties').flatMap(around);
  const list = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);
  const { enum: members = [], items, additionalProperties } = schema;
  const inner = (given: unknown) =>
    typeof given === 'object' && given !== null ? listNamedValues({ ...given }) : [];
  return [
    ...(Array.isArray(members) ? members : []),
    ...('const' in schema ? [schema['const']] : []),
    ...[...numbers('minimum'), ...numbers('maximum')].flatMap((n) => [n, n - 1, n + 1]),
    ...texts.flatMap((count) => ['x'.repeat(count), '\u{1f600}'.repeat(count)]),
    ...lists.map(list),
    ...maps.map((count) => Object.fromEntries(list(count).map((key) => [key, 1]))),
    ...inner(items).map((item) => [item]),
    ...inner(additionalProperties).map((value) => ({ key: value })),
  ];
}

const often = <T>(usual: Arbitrary<T>, seldom: Arbitrary<T>) =>
  fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: seldom });

/** Generates bodies, most of them valid. */
function drawBodies({ properties, required = [] }: RequestSchema): Arbitrary<object> {
  const absent = fc.constant(undefined);
  const members = Object.entries(properties).map(([name, given]) => {
    const schema = typeof given === 'object' && given !== null ? { ...given } : {};
    const all = [...ANYTHING, ...listNamedValues(schema)];
    // `listErrors` takes only an object as a schema, and `given` may be `false`.
    const judged = { allOf: [given as Schema] };
    const legal = all.filter((value) => listErrors(judged, value).length === 0);
    const member = (values: readonly unknown[]) =>
      fc.constantFrom(...values).map((sent) => [name, sent] as const);
    if (legal.length === 0) return often(absent, member(all));
    const sent = often(member(legal), member(all));
    if (required.includes(name)) return often(sent, absent);
    return fc.oneof(absent, absent, legal.includes(null) ? member([null]) : absent, sent);
  });
  const unknown = fc.oneof(
    absent,
    fc.constantFrom(...ANYTHING).map((sent) => ['unknown', sent] as const),
  );
  return fc
    .tuple(...members, unknown)
    .map((sent) => Object.fromEntries(sent.filter((member) => member !== undefined)));
}

const { schemas, parameters } = generated.components;

describe('request bodies', () => {
  it.each([
    {
      name: 'EvaluationUpdate',
      parse: evaluation.parseEvaluationUpdate,
      compared: evaluation.IMMUTABLE,
    },
    {
      name: 'EvaluationCreate',
      parse: evaluation.parseEvaluationCreate,
      compared: evaluation.SERVER_FIELDS,
    },
    { name: 'EvaluationLabelUpdate', parse: label.parseLabelUpdate, compared: label.IMMUTABLE },
    { name: 'EvaluationLabelCreate', parse: label.parseLabelCreate, compared: label.SERVER_FIELDS },
    { name: 'EvaluationLinkCreate', parse: link.parseLinkCreate, compared: link.SERVER_FIELDS },
  ] as const)(
    'the schema accepts a body exactly if the Worker finds no fault in its form: $name',
    ({ name, parse, compared }) => {
      const schema = { $ref: `#/components/schemas/${name}` };
      /**
       * Returns false for a field that the Worker ignores or only compares with the stored value.
       */
      const isSetByCaller = (field: string) =>
        !(field in compared) && !/^updated_(at|by)$/.test(field);

      assertProperty({ runs: 1500, ofEach: 100 }, drawBodies(schemas[name]), (body) => {
        const isValid = listErrors(schema, body).length === 0;
        const isParsed = isAccepted(() => parse({ ...body }));
        const own = Object.fromEntries(
          Object.entries(body).filter(([field]) => isSetByCaller(field)),
        );
        const isOwnValid = listErrors(schema, own).length === 0;
        const isOwnParsed = isAccepted(() => parse(own));

        if (isBoundedInOrder(body)) {
          expect(isOwnParsed).toBe(isOwnValid);
          expect(isParsed || !isValid).toBe(true);
        }
        return isValid;
      });
    },
  );

  const isBoundedInOrder = ({
    min_value,
    max_value,
  }: {
    min_value?: unknown;
    max_value?: unknown;
  }) => typeof min_value !== 'number' || typeof max_value !== 'number' || min_value <= max_value;
});

describe('forms', () => {
  it('the schema accepts an answer on the page exactly if the Worker reads a number', () => {
    const schema = schemas.LinkAnswer.properties.value as Schema;
    const piece = fc.constantFrom('7', '0', '.', '-', '+', 'e', 'E', ' ', '12');
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));

    // The schema's pattern accepts 12e1212, but a double cannot represent 12e1212.
    assertProperty({ runs: 5000, ofEach: 500 }, text.filter(isNoInfinity), (sent) => {
      const isValid = listErrors(schema, sent).length === 0;
      expect(typeof link.parseAnsweredValue({ version: '', text: sent }) === 'number').toBe(
        isValid,
      );
      return isValid;
    });
  });

  const isNoInfinity = (text: string) => Math.abs(Number(text)) !== Number.POSITIVE_INFINITY;
});

describe('headers', () => {
  /** Makes a context whose header may have characters that the class `Headers` refuses. */
  const makeContext = (name: string, text: string) => {
    const header = (asked: string) => (asked.toLowerCase() === name ? text : undefined);
    const headers = { has: (asked: string) => asked.toLowerCase() === name, get: header };
    return { req: { header, raw: { headers } } } as unknown as AppContext;
  };
  type Parse = (c: AppContext) => unknown;
  const judge = ({ name, schema }: { name: string; schema: object }, parse: Parse) => {
    const given: Schema = schema;
    return (text: string) => {
      const isValid = listErrors(given, text).length === 0;
      const isRead = isAccepted(() => parse(makeContext(name, text)));
      expect({ text, isValid }).toEqual({ text, isValid: isRead });
      return isValid;
    };
  };
  const CHARACTERS = [
    ...Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)),
    ...['\u2028', '\ufeff', '\uffff', '\u{1f600}', '\ud800', '\udc00'],
  ];
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('"a"', 'W/"b"', ',', ' ', '\t', '"', '*', '""', 'W/') },
    { weight: 1, arbitrary: fc.constantFrom(...CHARACTERS) },
  );
  const headerText = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));

  it.each([
    { name: 'IfMatch', parse: parseUpdatePreconditions },
    { name: 'IfMatchToRead', parse: parseReadPreconditions },
  ] as const)('the pattern of If-Match matches exactly what is read: $name', ({ name, parse }) => {
    const judgeIfMatch = judge(parameters[name], parse);

    for (const character of CHARACTERS)
      for (const text of [
        character,
        `"${character}"`,
        `${character}"a"`,
        `"a"${character}`,
        `*${character}`,
      ])
        judgeIfMatch(text);
    assertProperty({ runs: 5000, ofEach: 500 }, headerText, judgeIfMatch);
  });

  it('the pattern of Idempotency-Key matches exactly what a write reads', () => {
    const judgeKey = judge(parameters.IdempotencyKey, parseUpdatePreconditions);
    const lengths = [0, 1, 254, 255, 256, 257].map((count) => 'x'.repeat(count));
    const keyText = fc.array(fc.oneof(fc.constantFrom('a', '-', '~'), piece), { maxLength: 4 });

    for (const character of CHARACTERS)
      for (const text of [character, `"${character}"`, `a${character}`, `"a${character}"`])
        judgeKey(text);
    for (const text of lengths) for (const key of [text, `"${text}"`, `"${text}`]) judgeKey(key);
    assertProperty(
      { runs: 5000, ofEach: 500 },
      keyText.map((pieces) => pieces.join('')),
      judgeKey,
    );
  });
});

describe('ids and queries', () => {
  it('the schema of an id accepts exactly what the Worker reads', () => {
    const ids = [parameters.RunId, parameters.EvaluationId, parameters.Id, parameters.LabelId];
    const id = fc.oneof(
      drawStrangeId(UUID),
      fc.constantFrom(UUID, UUID.toUpperCase(), `urn:uuid:${UUID}`, `${UUID}\n`),
    );

    for (const { schema } of [...ids, parameters.LinkId, parameters.OfLabel]) {
      assertProperty({ runs: 500, ofEach: 50 }, id, (text) => {
        const isValid = listErrors(schema as Schema, text).length === 0;
        expect(isAccepted(() => requireUuid('id', text))).toBe(isValid);
        expect(isAccepted(() => readOptionalUuid('id', text))).toBe(isValid);
        return isValid;
      });
    }
  });

  it.each([
    { name: 'Limit', maxRows: undefined },
    { name: 'LabelLimit', maxRows: LABEL_PAGE_MAX_ROWS },
  ] as const)(
    'the schema of a page size accepts exactly what the Worker reads: $name',
    ({ name, maxRows }) => {
      const limit = fc.oneof(
        fc.integer({ min: -5, max: 1100 }),
        fc.double({ min: 0, max: 1001 }),
        fc.constantFrom(1, 100, 101, 1000, 1001, 1e21),
      );

      assertProperty({ runs: 1000, ofEach: 50 }, limit, (rows) => {
        const isValid = listErrors(parameters[name].schema as Schema, rows).length === 0;
        expect(isAccepted(() => readLimit(String(rows), maxRows))).toBe(isValid);
        return isValid;
      });
    },
  );

  it('the pattern of a cursor matches every cursor that the Worker reads', () => {
    const [time, id] = ['2026-11-01T09:00:00.000Z', UUID];
    const { pattern } = parameters.Cursor.schema;

    expect(parameters.HistoryCursor.schema.pattern).toBe(pattern);
    assertProperty({ runs: 1000, ofEach: 50 }, drawCursor([time, `${time} ${id}`]), (text) => {
      const isRead = [readPositionCursor, readTimeCursor].some((read) =>
        isAccepted(() => read(text)),
      );
      const isValid = listErrors(parameters.Cursor.schema as Schema, text).length === 0;
      expect(isValid || !isRead).toBe(true);
      return isRead;
    });
  });

  it('the example of a cursor is one that the Worker makes and reads', () => {
    const { link: next = '' } =
      cutPage([1, 2], 1, '/', () =>
        [readPositionCursor(parameters.Cursor.example)].flatMap((place) =>
          place ? [place.created_at, place.id] : [],
        ),
      ).link ?? {};

    expect(next).toContain(`cursor=${parameters.Cursor.example}>`);
    expect(readTimeCursor(parameters.HistoryCursor.example)).toBe('2026-11-22T14:31:55.173Z');
  });
});
