/**
 * Generators for the property tests. Many inputs are valid, so a property also tests requests that
 * the Worker accepts.
 */
import fc, { type Arbitrary } from 'fast-check';
import { ACCOUNT, type Label, type Row, SUBJECT } from './worker.ts';

const toArbitrary = <T>(given: Arbitrary<T> | T): Arbitrary<T> =>
  given instanceof fc.Arbitrary ? given : fc.constant(given);

const mostly = <T>(usual: Arbitrary<T> | T, other: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ weight: 11, arbitrary: toArbitrary(usual) }, { weight: 1, arbitrary: other });

export const encodeUtf8 = (text: string) => new TextEncoder().encode(text);

/**
 * Generates any Unicode character. The unit `binary` of fast-check does so too, but needs a second
 * to build its tables.
 */
const anyCharacter = fc.nat(0x10ffff - 0x800).map(
  (n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800),
  (character) => {
    const code = typeof character === 'string' ? character.codePointAt(0) : undefined;
    if (code === undefined || String.fromCodePoint(code) !== character || !character.isWellFormed())
      throw new Error('not one character');
    return code < 0xd800 ? code : code - 0x800;
  },
);

/** Generates any text, often with characters that have a meaning in JSON, SQL, HTTP or URLs. */
const anyText: Arbitrary<string> = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 20 }),
  fc.constantFrom(
    ...[
      '',
      ' ',
      '\0',
      'a\0b',
      '\ufeff',
      '\u2028',
      '\ufffd',
      'e\u0301',
      '💥',
      "' OR 1=1 --",
      '%00',
      '__proto__',
    ],
  ),
);
const filledText = anyText.filter((text) => text.trim() !== '');
/** Texts with half of a surrogate pair. UTF-8 cannot encode the half, but JSON can escape it. */
const loneSurrogates = fc.constantFrom('\ud800', 'a\udfff', '\udc00\ud800');
const anyJson = fc.jsonValue({ maxDepth: 1 });

const finiteNumber = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Generates one way to write a number in JSON, such as `5` or `5e+0`. */
export const drawSpelling = (value: number): Arbitrary<string> =>
  fc.constantFrom(
    ...(Object.is(value, -0)
      ? ['-0', '-0.0', '-0e9']
      : [`${value}`, value.toExponential(), value.toExponential(20)]),
  );

const numberText = fc.oneof(
  fc.integer({ min: -3, max: 12 }).map(String),
  finiteNumber.chain(drawSpelling),
  fc.constantFrom('-0', '1e-400', '9007199254740993', `1${'0'.repeat(40)}`),
);
const jsonText = fc.oneof(
  fc.json({ maxDepth: 2 }),
  fc.oneof(anyText, loneSurrogates).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    'null',
    '{"__proto__":{"value":9}}',
    '{"toString":1}',
    '['.repeat(20_000) + ']'.repeat(20_000),
  ),
);
const beyondDoubles = fc.constantFrom('1e400', '-1e400', `1${'0'.repeat(400)}`);
const rawText = fc.oneof(
  numberText,
  jsonText,
  beyondDoubles,
  fc.constantFrom(
    ...[
      'NaN',
      '-Infinity',
      'undefined',
      '01',
      '+1',
      '.5',
      '0x1',
      "'a'",
      '"\n"',
      '',
      '{',
      '[1,]',
      '1 1',
    ],
  ),
);

/**
 * Functions that write a field of a row as JSON. All except `stored` and `escaped` usually change
 * the value.
 */
const SPELLINGS = {
  stored: (field: unknown) => JSON.stringify(field),
  shouted: (field: unknown) => JSON.stringify(field).toUpperCase(),
  escaped: (field: unknown) =>
    JSON.stringify(field).replaceAll(/[-:.]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`),
  longer: (field: unknown) => JSON.stringify(`${field}\0`),
  padded: (field: unknown) => JSON.stringify(`${field} `),
  listed: (field: unknown) => JSON.stringify([field]),
};
type Spelling = keyof typeof SPELLINGS;

/**
 * A member of a JSON object. `raw` is its value in JSON. `as` is a way to write the value of the
 * stored row.
 */
type Member =
  | { readonly name: string; readonly raw: string }
  | { readonly name: keyof Row; readonly as: Spelling };

type Body =
  | Uint8Array
  | {
      readonly members: readonly Member[];
      readonly before: string;
      readonly after: string;
      readonly damage: {
        readonly at: number;
        readonly lost: number;
        readonly bytes: Uint8Array;
      } | null;
    };

const immutableName = fc.constantFrom<keyof Row>(
  ...(['id', 'account_id', 'run_id', 'output_name', 'field_path'] as const),
  ...(['evaluation_label_id', 'created_by', 'created_by_evaluator_id', 'created_at'] as const),
);
const stored = (name: Arbitrary<keyof Row>): Arbitrary<Member> =>
  fc.record({ name, as: fc.constant('stored' as const) });
const drawRawMember = (name: Arbitrary<string>, raw: Arbitrary<string>): Arbitrary<Member> =>
  fc.record({ name, raw });
const misspelled: Arbitrary<Member> = fc.record({
  name: immutableName,
  as: fc.constantFrom(...(Object.keys(SPELLINGS) as Spelling[])),
});
const ignored = drawRawMember(
  fc.oneof(
    fc.constantFrom(
      'updated_by',
      'updated_at',
      '__proto__',
      'constructor',
      'toString',
      'Value',
      'value ',
    ),
    anyText.map((text) => `x-${text}`),
  ),
  fc.oneof(numberText, jsonText),
);
const value = drawRawMember(
  fc.constant('value'),
  fc.oneof(
    { weight: 6, arbitrary: numberText },
    { weight: 2, arbitrary: beyondDoubles },
    { weight: 1, arbitrary: rawText },
  ),
);
const anyMember = drawRawMember(fc.oneof(fc.constant('value'), immutableName, anyText), rawText);

/**
 * Generates a body that is often valid (`plain`), a body with faults (`object`), or any bytes
 * (`bytes`).
 */
function drawBody(sentAlong: Arbitrary<Member>, ...needed: Arbitrary<Member>[]): Arbitrary<Body> {
  const plain = fc
    .tuple(
      fc.tuple(drawRawMember(fc.constant('value'), numberText), ...needed),
      fc.array(ignored, { maxLength: 4 }),
      fc.array(misspelled, { maxLength: 1 }),
    )
    .map((parts) => ({ members: parts.flat(), before: '', after: '', damage: null }));
  const usual = fc
    .tuple(fc.tuple(value, ...needed), fc.array(fc.oneof(ignored, sentAlong), { maxLength: 6 }))
    .map((parts) => parts.flat());
  const unusual = fc
    .tuple(usual, fc.array(fc.oneof(anyMember, misspelled), { minLength: 1, maxLength: 4 }))
    .map((parts) => parts.flat());
  const object = fc.record({
    members: fc
      .oneof(usual, unusual)
      .chain((all) => fc.shuffledSubarray(all, { minLength: Math.max(all.length - 1, 0) })),
    before: mostly('', fc.constantFrom('\ufeff', ' \n\t', '\ufeff\ufeff', '\0', ")]}'")),
    after: mostly('', fc.constantFrom('\r\n', '}', '\0', '\ufeff', ',{"value":1}')),
    damage: fc.option(
      fc.record({
        at: fc.nat(),
        lost: fc.oneof(fc.nat(1), fc.nat(99)),
        bytes: fc.uint8Array({ maxLength: 2 }),
      }),
      { freq: 5 },
    ),
  });
  const bytes = fc.oneof(fc.uint8Array(), rawText.map(encodeUtf8));
  return fc.oneof(
    { weight: 6, arbitrary: plain },
    { weight: 8, arbitrary: object },
    { weight: 1, arbitrary: bytes },
  );
}

export const updateBody = drawBody(stored(immutableName));

export const createBody = drawBody(
  fc.oneof(
    stored(fc.constantFrom('id', 'account_id', 'run_id', 'created_by', 'created_by_evaluator_id')),
    drawRawMember(
      fc.constantFrom('output_name', 'field_path'),
      fc.option(mostly(anyText, loneSurrogates)).map((text) => JSON.stringify(text)),
    ),
  ),
  stored(fc.constant('evaluation_label_id')),
);

const json = (given: Arbitrary<unknown>): Arbitrary<string> =>
  given.map((value) => JSON.stringify(value));
const boundText = fc.oneof(numberText, numberText, fc.constant('null'), beyondDoubles, rawText);
const categoriesText = fc.oneof(
  json(fc.array(anyText, { maxLength: 4 })),
  json(fc.uniqueArray(filledText, { minLength: 1, maxLength: 4 })),
  json(fc.array(fc.oneof(anyText, loneSurrogates, anyJson), { maxLength: 3 })),
  fc.constantFrom('[]', 'null', '7'),
);

/** Generates the JSON of a new label. Its bounds and categories need not fit its `value_type`. */
export const labelBody: Arbitrary<string> = fc
  .record(
    {
      name: json(mostly(filledText, fc.oneof(anyText, loneSurrogates, anyJson))),
      description: json(mostly(fc.option(anyText), fc.oneof(loneSurrogates, anyJson))),
      value_type: json(
        mostly(fc.constantFrom('binary', 'continuous', 'categorical', 'ordinal'), anyJson),
      ),
      min_value: boundText,
      max_value: boundText,
      categories: categoriesText,
      account_id: json(mostly(fc.constant(ACCOUNT), anyText)),
      archived: json(mostly(fc.constant(false), anyJson)),
      updated_at: json(anyJson),
    },
    { requiredKeys: ['name', 'value_type'] },
  )
  .map(
    (members) =>
      `{${Object.entries(members).map(([name, raw]) => `${JSON.stringify(name)}:${raw}`)}}`,
  );

export function encodeBody(body: Body, row: Row): Uint8Array {
  if (body instanceof Uint8Array) return body;
  const { members, before, after, damage } = body;
  const texts = members.map(
    (member) =>
      `${JSON.stringify(member.name)}:${'raw' in member ? member.raw : SPELLINGS[member.as](row[member.name])}`,
  );
  const whole = encodeUtf8(`${before}{${texts}}${after}`);
  if (damage === null) return whole;
  const at = damage.at % whole.length;
  return new Uint8Array([
    ...whole.subarray(0, at),
    ...damage.bytes,
    ...whole.subarray(at + damage.lost),
  ]);
}

export const rowFields: Arbitrary<Partial<Row>> = fc
  .record({
    output_name: fc.option(anyText),
    field_path: fc.option(anyText),
    created_by: fc.option(anyText),
    created_by_evaluator_id: fc.option(fc.uuid()),
    value: fc.oneof(
      fc.integer({ min: -3, max: 12 }),
      finiteNumber.map((value) => value + 0),
    ),
    updated: fc.option(
      fc.record({
        updated_by: fc.constantFrom(SUBJECT, 'user-8', null),
        updated_at: fc.constant('2026-02-03T04:05:06.007Z'),
      }),
    ),
  })
  .map(({ updated, ...fields }) => ({ ...fields, ...updated }));

export type Rule = Pick<
  Label,
  'account_id' | 'value_type' | 'min_value' | 'max_value' | 'categories'
>;

const unruled = { min_value: null, max_value: null, categories: null };
const bound = fc.option(
  fc.oneof(
    fc.integer({ min: -2, max: 2 }),
    finiteNumber.map((value) => value + 0),
  ),
  { freq: 3 },
);
const rule: Arbitrary<Omit<Rule, 'account_id'>> = fc.oneof(
  fc.constant({ ...unruled, value_type: 'binary' }),
  fc.tuple(bound, bound).map(([one, other]) => {
    const [min_value = null, max_value = null] =
      one !== null && other !== null && one > other ? [other, one] : [one, other];
    return { ...unruled, value_type: 'continuous', min_value, max_value };
  }),
  fc
    .tuple(
      fc.constantFrom('categorical', 'ordinal'),
      fc.uniqueArray(
        anyText.filter((text) => text !== ''),
        { minLength: 1, maxLength: 12 },
      ),
    )
    .map(([value_type, categories]) => ({
      ...unruled,
      value_type,
      categories: JSON.stringify(categories),
    })),
);

/** Returns a number, the next smaller double and the next larger double. */
function listNeighbours(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  const found = [-1n, 0n, 1n].map((step) => {
    view.setBigInt64(0, bits + step);
    return view.getFloat64(0);
  });
  return found.filter(Number.isFinite);
}

/** Generates the account and bounds of a label, and a value that is often at or next to a bound. */
export const ruleAndValue: Arbitrary<readonly [Rule, number]> = rule.chain((made) => {
  const count = made.categories === null ? 1 : JSON.parse(made.categories).length;
  const edges = [made.min_value ?? 0, made.max_value ?? count];
  const value = fc.oneof(
    fc.constantFrom(...edges),
    fc.constantFrom(...edges.flatMap(listNeighbours), -0, count - 1),
    fc.oneof(fc.integer({ min: -1, max: 12 }), finiteNumber),
  );
  const owner = fc.constantFrom(ACCOUNT, ACCOUNT, 'shared', 'acc_neighbour');
  return fc.tuple(
    owner.map((account_id) => ({ ...made, account_id })),
    value,
  );
});

const percent = (text: string) =>
  encodeUtf8(text).reduce((all, byte) => `${all}%${byte.toString(16).padStart(2, '0')}`, '');

/** Generates another spelling of an id, with characters in upper case or percent-encoded. */
export const drawSpelledId = (id: string): Arbitrary<string> =>
  fc
    .array(fc.constantFrom('as it is', 'as it is', 'shouted', 'encoded', 'shouted and encoded'), {
      minLength: 36,
      maxLength: 36,
    })
    .map((ways) =>
      Array.from(id, (letter, at) => {
        const way = ways[at] ?? '';
        const cased = way.startsWith('shouted') ? letter.toUpperCase() : letter;
        return way.endsWith('encoded') ? percent(cased) : cased;
      }).join(''),
    );

const INSERTED = [
  '%00',
  '%20',
  '%0A',
  '%',
  '%zz',
  '%C3',
  '%2F',
  '/',
  '..%2F',
  '%252D',
  '%EF%BC%91',
  'g',
  '{',
  '?',
  '#',
  '\\',
];

/** Generates a path segment that usually differs from the id, such as a changed id or any text. */
export const drawStrangeId = (id: string): Arbitrary<string> =>
  fc.oneof(
    fc
      .tuple(
        fc.nat(36),
        fc.nat(2),
        fc.oneof(fc.constantFrom(...INSERTED), anyText.map(encodeURIComponent)),
      )
      .map(([at, removed, inserted]) => id.slice(0, at) + inserted + id.slice(at + removed)),
    fc.constantFrom(
      `{${id}}`,
      `urn:uuid:${id}`,
      id.replaceAll('-', ''),
      id.repeat(200),
      percent(percent(id)),
    ),
    fc.constantFrom('.', '..', '%2e%2E', '%2F', '%00', '*', 'null'),
    fc.uuid(),
    anyText.map(encodeURIComponent),
    fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
  );

/**
 * Generates header text in ASCII only. workerd prints a warning if a test sets a header to other
 * text.
 */
const headerText = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    fc.constantFrom(...'\t",;*/= '),
  ),
  maxLength: 40,
});

/** Generates a list of entity tags that often contains `tag`. */
const drawTagList = (tag: string): Arbitrary<string> => {
  const [space, tail] = [fc.constantFrom('', '', ' ', '\t '), tag.slice(1)];
  const element = fc.oneof(
    fc.constantFrom(
      tag,
      tag,
      `W/${tag}`,
      `w/${tag}`,
      `"${tag}"`,
      tail,
      `"x,${tail}`,
      '""',
      '',
      '*',
      '"*"',
    ),
    headerText.map((text) => `"${text.replaceAll(/["\s]/g, '')}"`),
  );
  const elements = fc.array(fc.tuple(space, element, space), { maxLength: 4 });
  return fc.oneof(
    elements.map((all) => all.map((parts) => parts.join('')).join(',')),
    fc.constantFrom('*', ' * ', tag),
    headerText,
  );
};

/** Generates the headers of an update. A header that is null is not sent. */
export const drawHeaders = (
  valid: string,
  tag: string,
): Arbitrary<Record<string, string | null>> => {
  const seldom = (...odd: readonly string[]) =>
    mostly<string | null>(null, fc.oneof(fc.constantFrom(...odd), headerText));
  const f = 'ffffffff';
  return fc.record({
    'if-match': fc.oneof(fc.constantFrom(null, tag, `W/${tag}`, '"another"'), drawTagList(tag)),
    'if-none-match': mostly<string | null>(null, drawTagList(tag)),
    'content-type': fc.oneof(
      fc.constantFrom(
        'application/json',
        'application/JSON ; charset=x',
        'a/vnd.b+json;',
        '',
        null,
      ),
      fc.constantFrom('application/json', 'application/json;a="b"'),
      fc.oneof(
        fc.constantFrom('text/plain', 'application/jsonp', 'application/json, text/plain', '+json'),
        headerText,
      ),
    ),
    'content-encoding': seldom('identity', 'IDENTITY', 'gzip', 'identity, gzip', ''),
    'content-range': seldom('bytes 0-10/20', ''),
    'x-d1-bookmark': seldom('first-primary', `${f}-${f}-${f}-${f}${f}${f}${f}`),
    'x-request-id': seldom('req-1', '{"a":1}'),
    accept: seldom('text/html', 'application/json;q=0'),
    origin: seldom('https://app.example', 'null'),
    authorization: fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constantFrom<string | null>(valid, valid.replace('Bearer', 'bEARER  ')),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(null, '', 'Bearer', valid.toUpperCase(), `${valid}, ${valid}`),
      },
      { weight: 1, arbitrary: fc.oneof(headerText, fc.constant(valid.replace('Bearer', 'Basic'))) },
    ),
  });
};

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export const damageToken = (token: string): Arbitrary<string> => {
  const last = BASE64URL.indexOf(token.slice(-1));
  const part = fc.string({ unit: fc.constantFrom(...'AQgwZz09-_=+/ {"'), maxLength: 12 });
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.nat(token.length),
          fc.oneof(fc.nat(2), fc.nat(token.length)),
          fc.oneof(fc.constantFrom('', '.', 'A', 'w', '='), part),
        )
        .map(
          ([at, removed, inserted]) => token.slice(0, at) + inserted + token.slice(at + removed),
        ),
    },
    // Changes two unused bits of the last character of the signature. A lax decoder ignores them.
    {
      weight: 1,
      arbitrary: fc.nat(3).map((bits) => token.slice(0, -1) + BASE64URL.charAt(last ^ bits)),
    },
    { weight: 1, arbitrary: fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')) },
    { weight: 1, arbitrary: headerText },
  );
};

/**
 * An `exp` with which a token would never expire: `JSON.parse` reads 1e400 as Infinity. The test
 * writes it into the JSON without quotes.
 */
export const INFINITE_NUMBER = '1e400';

/** Generates a time in seconds, often about 5 s before or after `now` (the clock tolerance). */
const drawTimeNear = (now: number) =>
  fc.oneof(
    fc.constantFrom(-6, -5, -4.5, -4, 0, 4, 4.5, 5, 5.5, 6).map((apart): unknown => now + apart),
    fc.constantFrom<unknown>(null, String(now + 60), -1, 1e300, INFINITE_NUMBER),
    anyJson,
  );

/**
 * Generates the parts of a token, which the test signs. In `run_id` and `evaluation_id`, `own`
 * means the id of the test's row.
 */
export const drawSignedAt = (now: number) =>
  filledText.chain((owner) => {
    const drawSignedBy = (
      usually: <T>(usual: Arbitrary<T>, other: Arbitrary<T>) => Arbitrary<T>,
    ) => {
      const claim = (
        usual: Arbitrary<unknown> | unknown,
        ...others: (Arbitrary<unknown> | unknown)[]
      ) =>
        usually(
          toArbitrary(usual),
          fc.oneof(...others.map(toArbitrary), anyJson, fc.constant({ toString: 1 })),
        );
      const restriction = fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(undefined, 'own') },
        { weight: 1, arbitrary: fc.uuid() },
        { weight: 1, arbitrary: claim(undefined, anyText) },
      );
      return fc.record({
        owner: fc.constant(owner),
        isForged: usually(fc.constant(false), fc.constant(true)),
        otherText: usually<string | undefined>(fc.constant(undefined), rawText),
        header: fc.record({
          alg: claim('HS256', fc.constantFrom('none', 'hs256', 'HS512', 'RS256', undefined)),
          typ: claim(
            fc.constantFrom(undefined, 'JWT', 'application/AT+JWT'),
            fc.constantFrom('dpop+jwt', 'JWT '),
            ['JWT'],
          ),
          kid: claim(undefined, anyText),
          crit: claim(undefined, fc.constantFrom([], ['exp'])),
          jwk: claim(undefined),
        }),
        claims: fc.record({
          account_id: fc.oneof(
            { weight: 5, arbitrary: fc.constant<unknown>(owner) },
            {
              weight: 2,
              arbitrary: fc.constantFrom(
                `${owner} `,
                `${owner}\0`,
                ` ${owner}`,
                owner.toUpperCase(),
              ),
            },
            { weight: 1, arbitrary: claim(owner, [owner], undefined, anyText, loneSurrogates) },
          ),
          sub: claim(filledText, fc.constantFrom('', '\u00a0\t', undefined), loneSurrogates),
          exp: claim(now + 600, drawTimeNear(now), INFINITE_NUMBER, INFINITE_NUMBER),
          nbf: claim(undefined, drawTimeNear(now)),
          iat: claim(undefined, drawTimeNear(now)),
          iss: claim('issuer', fc.constantFrom('Issuer', undefined), ['issuer']),
          aud: claim(
            fc.constantFrom('api', ['other', 'api']),
            fc.constantFrom('api ', [], [['api']], undefined),
          ),
          run_id: restriction,
          evaluation_id: restriction,
        }),
      });
    };
    return fc.oneof(
      drawSignedBy((usual) => usual),
      drawSignedBy(mostly),
      drawSignedBy(mostly),
    );
  });

export const limitText = fc.oneof(
  fc.integer({ min: -2, max: 1100 }).map(String),
  fc.constantFrom(
    '1',
    '999',
    '1000',
    '1001',
    '01',
    '1.0',
    '1e2',
    ' 1',
    '+1',
    '１',
    'NaN',
    '0x10',
    '9'.repeat(400),
  ),
  anyText,
);

/** Generates a cursor for a list. Most cursors are made from one of the positions in `places`. */
export const drawCursor = (places: readonly string[]): Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(...places).map((place) => btoa(place).replaceAll('=', '')),
    fc.constantFrom(...places).map((place) => btoa(place)),
    fc
      .tuple(
        fc.constantFrom(...places),
        fc.nat(60),
        fc.string({ unit: 'binary-ascii', maxLength: 3 }),
      )
      .map(([place, at, inserted]) =>
        btoa(place.slice(0, at) + inserted + place.slice(at + 1)).replaceAll('=', ''),
      ),
    anyText,
  );
