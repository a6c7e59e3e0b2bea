/**
 * Tests a link with a JSONPath. The Worker refuses to create a link whose path could be expensive.
 */
import { describe, expect, it } from 'vitest';
import { makeUnprocessable } from './support/answers.ts';
import { createLinkTo, post } from './support/links.ts';
import {
  buildPath,
  expectRefusedUpdate,
  readEvaluation,
  request,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const TYPEFORM = "$.form_response.answers[?@.field.ref=='usefulness'].number";

const TOO_MANY_STEPS =
  'The path takes more than 20000 steps in the body: lead it to a shorter list, or shorten its filter.';

describe('a link with a path', () => {
  it('returns the path to its creator, and no pointer', async () => {
    const link = await createLinkTo(await storeEvaluation(), { path: TYPEFORM, pointer: null });

    expect(link).toMatchObject({ path: TYPEFORM });
    expect(link).not.toHaveProperty('pointer');
    expect(await createLinkTo(await storeEvaluation())).not.toHaveProperty('path');
  });

  it('finds an answer by its field, wherever it stands', async () => {
    const row = await storeEvaluation({ value: 1 });
    const { url } = await createLinkTo(row, { path: TYPEFORM });
    const stars = { number: 3, field: { ref: 'stars' } };
    const usefulness = { number: 8, field: { ref: 'usefulness' } };

    for (const answers of [[stars, usefulness], [usefulness, stars], [usefulness]]) {
      const response = await worker(post(url, { form_response: { answers } }));
      expect(await response.json()).toMatchObject({ value: 8 });
    }
  });

  it.each([
    ['$', '7', 7],
    ['$.a', '{"a":7}', 7],
    ['$ .a [ 0 ]', '{"a":[7]}', 7],
    ["$['a b']", '{"a b":7}', 7],
    ['$.a[-1]', '{"a":[1,7]}', 7],
    ['$.a[1:2]', '{"a":[1,7,2]}', 7],
    ['$.a[::-2]', '{"a":[7]}', 7],
    ['$.a.*', '{"a":{"b":7}}', 7],
    ['$[*].a', '[{"a":7},{"b":8},9]', 7],
    ['$.__proto__', '{"__proto__":7}', 7],
    ['$[?@.a==1 && @.b==2 && @.c==3].v', '[{"a":1,"b":2,"v":1},{"a":1,"b":2,"c":3,"v":7}]', 7],
    ['$[?@.a==1 || @.a==2 || @.a==3].v', '[{"a":3,"v":7},{"a":4,"v":1}]', 7],
    ['$[?!(@.a==1 || @.b)].v', '[{"a":1,"v":1},{"b":false,"v":2},{"v":7}]', 7],
    ['$[?@.a && !@.b].v', '[{"a":false,"v":7},{"a":null,"b":null,"v":1}]', 7],
    ['$[?@.a != null && @.a].v', '[{"a":null,"v":1},{"v":2},{"a":0,"v":7}]', 7],
    ['$[?@.a > 1 && @.a <= 2].v', '[{"a":1,"v":1},{"a":"2","v":2},{"a":2,"v":7}]', 7],
    ["$[?'x' == @['a b'][0]].v", '[{"a b":["x"],"v":7},{"a b":"x","v":1}]', 7],
    ["$[?@.a == '..' && @.b == 'match()'].v", '[{"a":"..","b":"match()","v":7}]', 7],
    ['$[?@.a == 9007199254740991].v', '[{"a":9007199254740991,"v":7}]', 7],
    ['$[?@.a == true].v', '[{"a":1,"v":1},{"a":true,"v":7},{"a":"true","v":2}]', 7],
    ["$[?@.a == 'it\\'s'].v", '[{"a":"it\'s","v":7}]', 7],
    ['$[?@ > 5]', '[1,7,"9"]', 7],
    ['$[?@.a > 0.5].v', '[{"a":0.5,"v":1},{"a":0.51,"v":7}]', 7],
    ['$[?@.a==0.125 || @.a==1.5].v', '[{"a":0.125,"v":7},{"a":0.12,"v":1}]', 7],
    ['$[?0.0<@.a && @.a<0.5E+0].v', '[{"a":0,"v":1},{"a":0.4,"v":7},{"a":5,"v":2}]', 7],
    ["$[?@.a=='0.5' && @['0.5']==0.5].v", '[{"a":"0.5","0.5":0.5,"v":7},{"a":0.5,"v":1}]', 7],
    ['$[?@.a0e1==0e1].v', '[{"a0e1":0,"v":7},{"a":0,"v":1}]', 7],
    ['$[?@.é0e1==1].v', '[{"é0e1":1,"v":7}]', 7],
    ['$.a', '{"a":"7"}', 7],
    ['$.a', '{"a":true}', 1],
  ])('finds one value: %s in %s', async (path, body, value) => {
    const row = await storeEvaluation({ value: 99 });
    const { url } = await createLinkTo(row, { path });

    expect((await worker(post(url, body))).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value });
  });

  it.each([
    ['$.a', '{}', 0],
    ['$.a', '[]', 0],
    ['$.a', '7', 0],
    ['$.toString', '{}', 0],
    ['$.length', '[7]', 0],
    ["$['0']", '[7]', 0],
    ['$[0]', '{"0":7}', 0],
    ['$[0:2]', '[7,8]', 2],
    ['$.*', '{"a":7,"b":8,"c":9}', 3],
    ['$[?@.length == 1]', '["a",[1]]', 0],
    ['$[?@.constructor]', '[{}]', 0],
    ["$[?@.ref=='x'].n", '[{"ref":"x","n":1},{"ref":"x","n":2}]', 2],
    ["$[?@.ref=='x'].n", '[{"ref":"x"}]', 0],
  ])(
    'refuses a body unless the path finds exactly one value: %s in %s',
    async (path, body, count) => {
      const row = await storeEvaluation();
      const { url } = await createLinkTo(row, { path });

      const error = `What ${path} finds in the body is ${count} values: it must be exactly one.`;
      await expectRefusedUpdate(row, post(url, body), makeUnprocessable(error));
    },
  );

  it('refuses a value that the path finds, in the words of a pointer', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { path: '$.a', values: { yes: 1 } });

    const error =
      'What $.a finds in the body is null: it must be a number, true or false, or "yes".';
    await expectRefusedUpdate(row, post(url, '{"a":null}'), makeUnprocessable(error));
  });

  it.each([
    ['$.*', 20_000],
    ['$[:]', 20_000],
    ['$[*].a', 10_000],
    ['$[*][0].a', 10_000],
    ['$[?@.a]', 6666],
    ['$[?@.a==1]', 4000],
    ['$[?@.a==1 && @.b.c!=2]', 1818],
  ])('lets a path take 20,000 steps and no more: %s', async (path, most) => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { path });
    const read = async (count: number) => {
      const response = await worker(post(url, `[${'{},'.repeat(count - 1)}{}]`));
      return (await response.json<{ error: string }>()).error;
    };

    expect(await read(most)).toMatch(/ values: it must be exactly one\.$/);
    expect(await read(most + 1)).toBe(TOO_MANY_STEPS);
  });

  it('counts the steps of a path on all levels, and the members of objects too', async () => {
    const row = await storeEvaluation();
    const { url } = await createLinkTo(row, { path: '$.*.*' });
    const members = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 1]));
    const body = { a: members(10_000), b: members(9999) };

    await expectRefusedUpdate(row, post(url, body), makeUnprocessable(TOO_MANY_STEPS));
  });
});

describe('a path that cannot be', () => {
  const REST =
    'It may have names, indexes, * and slices, and filters that compare @ and names below it with a text, a number, true, false or null.';
  const SHAPE =
    "path must be a JSONPath (RFC 9535), such as $.answers[?@.field.ref=='usefulness'].number.";
  const COMPARED = 'a comparison of two places';
  const NESTED = 'a filter, *, a slice or a list in a filter';
  const joinTests = (count: number) => Array.from({ length: count }, () => '@.a').join('||');

  it.each([
    ['$..a', '.., which searches'],
    ['$.a..*', '.., which searches'],
    ['$..[?@.a==1]', '.., which searches'],
    ["$['a','b']", 'a list in brackets'],
    ['$[0,0]', 'a list in brackets'],
    ['$[*,*]', 'a list in brackets'],
    ["$[?match(@.a,'a.*')]", 'a function such as match()'],
    ["$[?search(@.a,'a')]", 'a function such as match()'],
    ['$[?!(@.b && length(@.a)>1)]', 'a function such as match()'],
    ['$[?count(@.*)==1]', 'a function such as match()'],
    ['$[?value(@..a)==length(@.b)]', 'a function such as match()'],
    ['$[?@.a==$.b]', '$ in a filter'],
    ['$[?$.b]', '$ in a filter'],
    ['$[?@[?@.a]]', NESTED],
    ['$[?@[?@[?@.a==1]]]', NESTED],
    ['$[?@.*]', NESTED],
    ['$[?@[0:1]]', NESTED],
    ['$[?@..a]', NESTED],
    ["$[?@['a','b']]", NESTED],
    ['$[?@.a==@.b]', COMPARED],
    ['$[?@==@]', COMPARED],
    ['$[?@.a==9007199254740992]', 'a number beyond 9007199254740991'],
    ['$[?@.a==-1e16]', 'a number beyond 9007199254740991'],
    ['$[?@.a<1e400]', 'a number beyond 9007199254740991'],
  ])('refuses a path that a stranger could make costly: %s', async (path, fault) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(
      row,
      await creation(row, { path }),
      makeUnprocessable(`path cannot have ${fault}. ${REST}`),
    );
  });

  it.each([
    ...[
      '',
      'a',
      '/a',
      'a.b',
      '$.',
      '$.a ',
      ' $.a',
      '$a',
      '$[',
      '$[]',
      '$["a]',
      '$.a[?]',
      '$[?(@.a]',
    ],
    ...['$[?@.a=1]', '$[?@.a=="x]', '$[?true]', '$[01]', '$[-0]', '$[9007199254740992]', '$.a[?#]'],
    ...['@.a', '$[?nosuch(@)]', '$[?length()==1]', '$[~]', '$.a.b.[c]', '$\u0000', '$[?@.a==01]'],
    ...['$[0.5]', '$[0.0]', '$[0:0.5]', '$[?@.a==00.5]', '$[?@.a==0.]', '$[?@.a==0.5.5]', '$.0.5'],
    ...[`$${'['.repeat(511)}`, `$[?${'('.repeat(509)}`, `$[?${'!'.repeat(509)}`],
  ])('refuses a path that is no JSONPath: %j', async (path) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await creation(row, { path }), makeUnprocessable(SHAPE));
  });

  it.each([
    [{ path: 1 }, 'path must be a string.'],
    [{ path: `$.${'a'.repeat(511)}` }, 'path must be at most 512 characters long.'],
    [{ path: '$\ud83d' }, 'path must be Unicode text: it contains half of a surrogate pair.'],
    [
      { path: '$.a', pointer: '/value' },
      'Send pointer or path, not both: each names the place of the value.',
    ],
  ])('answers 400 to a malformed path: %j', async (body, error) => {
    const row = await storeEvaluation();

    await expectRefusedUpdate(row, await creation(row, body), { status: 400, error });
  });

  it.each([
    `$.${'a'.repeat(510)}`,
    `$[?${joinTests(80)}]`,
    `$${'[0]'.repeat(170)}`,
    `$[?${'('.repeat(200)}@.a${')'.repeat(200)}]`,
  ])('accepts a path up to its bounds: %s', async (path) => {
    expect((await worker(await creation(await storeEvaluation(), { path }))).status).toBe(201);
  });
});

const creation = (row: Parameters<typeof buildPath>[0], body: object) =>
  request(`${buildPath(row)}/links`, { method: 'POST', body: JSON.stringify(body) });
