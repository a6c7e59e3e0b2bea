/**
 * Tests the error message for a body that is not JSON. All operations and links send the same
 * message.
 */
import { describe, expect, it } from 'vitest';
import { UNSUPPORTED } from './support/answers.ts';
import { createLinkTo, post } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  buildPath,
  expectRefusedUpdate,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const NOT_JSON = 'The body must be valid JSON in UTF-8.';
const FORM =
  'The body is a form: send JSON instead, with the header Content-Type: application/json.';
const found = (what: string, line: number, column: number, advice: string) =>
  `The body must be valid JSON: ${what} at line ${line}, column ${column} must ${advice}.`;

const NUMBER = 'be a number or null';
const COMMENT = 'be left out, because JSON has no comments';
const COMMA = 'not come before a closing bracket';
const QUOTED = 'be in double quotes';

const MULTIPART = '--x\r\nContent-Disposition: form-data; name="value"\r\n\r\n9\r\n--x--\r\n';

const FORMS = [
  'value=9',
  'a=b&c=d',
  ' value=9\n',
  'payload=%7B%22value%22%3A9%7D',
  'payload={"value":9}',
  'data[0][score]=9&x=',
  'value=hello world',
  MULTIPART,
];

const BODIES: readonly [body: string, error: string][] = [
  ...FORMS.map((body): [string, string] => [body, FORM]),
  ['{"score": 7, "latency": NaN}', found('NaN', 1, 25, NUMBER)],
  ['{"value":nan}', found('nan', 1, 10, NUMBER)],
  ['[Infinity]', found('Infinity', 1, 2, NUMBER)],
  ['{\n  "a": 1,\r\n  "b": -Infinity\n}', found('-Infinity', 3, 8, NUMBER)],
  ['{"value":+inf}', found('+inf', 1, 10, NUMBER)],
  ['{"value":undefined}', found('undefined', 1, 10, 'be null')],
  ['{"value":None}', found('None', 1, 10, 'be null')],
  ['{"value":NULL}', found('NULL', 1, 10, 'be null')],
  ['{"value":True}', found('True', 1, 10, 'be true')],
  ['{"value":FALSE}', found('FALSE', 1, 10, 'be false')],
  ["{'value':9}", found("'", 1, 2, 'be a double quote')],
  ['{“value”:9}', found('“', 1, 2, 'be a double quote')],
  ['{`value`:9}', found('`', 1, 2, 'be a double quote')],
  ['{"value":9,}', found(',', 1, 11, COMMA)],
  ['{"a":[1,2 ,\n ],"value":9}', found(',', 1, 11, COMMA)],
  ['// the score\n{"value":9}', found('//', 1, 1, COMMENT)],
  ['{"value":9 /* of 10 */}', found('/*', 1, 12, COMMENT)],
  ['{"value":9} # of 10', found('#', 1, 13, COMMENT)],
  ['{value:9}', found('value', 1, 2, QUOTED)],
  ['{"value":nine}', found('nine', 1, 10, QUOTED)],
  ['{"value":constructor}', found('constructor', 1, 10, QUOTED)],
  ['{"value":trueish}', found('trueish', 1, 10, QUOTED)],
  ['{"value":$9}', found('$9', 1, 10, QUOTED)],
  ['{"value":0x10}', found('x10', 1, 11, 'not follow a number')],
  ['{"value":1_000}', found('_000', 1, 11, 'not follow a number')],
  ['hello', found('hello', 1, 1, QUOTED)],
  ['{"a":"NaN, \\" None // \' ,]","value":NaN}', found('NaN', 1, 37, NUMBER)],
  ['{"a":"é😀","value":NaN}', found('NaN', 1, 20, NUMBER)],
  ['eyJ2YWx1ZSI6OX0=', found('eyJ2YWx1ZSI6OX0', 1, 1, QUOTED)],
  ['eyJ2YWx1ZSI6OX00NA==', found('eyJ2YWx1ZSI6OX00…', 1, 1, QUOTED)],
];

/** Bodies that get only the general error message. */
const OTHERS = [
  '',
  ' ',
  '{',
  '{"value":9',
  '{"value":9}}',
  '{"value" 9}',
  '{"value":"NaN',
  '{"value":"NaN\\',
  '{"value":"a\nNaN"}',
  '{"value":.5}',
  '{"value":01}',
  '{"value":9,,"a":1}',
  '<value>9</value>',
  '<value name="a=b">9</value>',
  '\u00a0{"value":9}',
];

describe('400: a body that is not JSON', () => {
  it.each(BODIES)(
    'names what was found in a body that is not JSON, and where: %j',
    async (body, error) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);

      const sent = await request(buildPath(row), { body });
      await expectRefusedUpdate(row, sent, { status: 400, error });
      await expectRefusedUpdate(row, post(url, body), { status: 400, error });
    },
  );

  it.each(OTHERS)('refuses a body with another fault in general words: %j', async (body) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);

    const sent = await request(buildPath(row), { body });
    await expectRefusedUpdate(row, sent, { status: 400, error: NOT_JSON });
    await expectRefusedUpdate(row, post(url, body), { status: 400, error: NOT_JSON });
  });

  const withBody = OPERATIONS.filter(({ body }) => body);

  it.each(withBody)(
    '$name says that a body is a form, or where it is not JSON',
    async ({ requestFor }) => {
      const row = await storeEvaluation();
      const send = (body: string) => requestFor(row, {}, { body: () => body });

      await expectRefusedUpdate(row, await send('a=b&c=d'), { status: 400, error: FORM });
      await expectRefusedUpdate(row, await send('{"a":NaN}'), {
        status: 400,
        error: found('NaN', 1, 6, NUMBER),
      });
    },
  );

  it('quotes at most 16 characters of one word of a body', async () => {
    const row = await storeEvaluation();
    const word = `secret${'x'.repeat(60_000)}`;

    const sent = await request(buildPath(row), { body: `{"a":"another secret","value":${word}}` });

    await expectRefusedUpdate(row, sent, {
      status: 400,
      error: found('secretxxxxxxxxxx…', 1, 31, QUOTED),
    });
  });

  it.each<[string, string]>([
    ['strings', '"",'],
    ['numbers', '1,'],
    ['brackets', '['],
    ['commas', ', '],
    ['escapes in a string without an end', '\\a'],
    ['names of a form', 'a'],
    ['spaces before a form', ' '],
    ['hyphens before a form', '-'],
  ])('reads a body that is not JSON in linear time: many %s', async (_, piece) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row);
    const long = piece.repeat(Math.floor((1024 * 1024 - 2) / piece.length));
    const started = performance.now();

    for (const body of [`[${long}`, `"${long}`, long])
      expect((await worker(post(url, body))).status).toBe(400);

    // With a backtracking regular expression, the bodies would take minutes.
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('415: a Content-Type of a form', () => {
  it.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'refuses a form that says that it is a form with 415, and says that it is a form: %s',
    async (type) => {
      const row = await storeEvaluation();

      for (const body of FORMS) {
        const sent = await request(buildPath(row), { body, headers: { 'content-type': type } });
        await expectRefusedUpdate(row, sent, { status: 415, error: FORM });
      }
    },
  );

  it.each(['multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
    'refuses multipart/form-data through a link with 400, and says that it is a form: %s',
    async (type) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row);
      const sent = post(url, MULTIPART, { 'content-type': type });

      await expectRefusedUpdate(row, sent, { status: 400, error: FORM });
    },
  );

  it.each<[string, BodyInit]>([
    ['JSON', '{"value":9}'],
    ['more than 64 KiB', `value=${'9'.repeat(64 * 1024)}`],
    ['invalid UTF-8', new Uint8Array([0x61, 0x3d, 0xff])],
  ])('asks for the JSON header if a body that is declared as a form is %s', async (_, body) => {
    const row = await storeEvaluation();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };

    await expectRefusedUpdate(row, await request(buildPath(row), { body, headers }), UNSUPPORTED);
  });
});
