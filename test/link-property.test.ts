/**
 * Tests links with random bodies, pointers, paths, values and conditions. The tests walk the whole
 * body to find the expected value, and use none of the Worker's code.
 */
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { createLinkTo, post } from './support/links.ts';
import { readEvaluation, SUBJECT, storeEvaluation, worker } from './support/worker.ts';

const { seed, factor } = inject('properties');

type Place = { readonly pointer: string; readonly found: unknown };

function listPlaces(document: unknown, pointer = ''): Place[] {
  const inner = typeof document === 'object' && document !== null ? Object.entries(document) : [];
  const places = inner.flatMap(([key, value]) =>
    listPlaces(value, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
  return [{ pointer, found: document }, ...places];
}

const key = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.constantFrom(
    '',
    '~',
    '/',
    '~1',
    '~01',
    'a/b',
    '0',
    '01',
    '-',
    'length',
    'constructor',
    '__proto__',
    'value',
    'id',
    'é',
    '💥',
  ),
);
const leaf = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom('approved', 'rejected', '', '7', '-0', '1e3', '1.', 'true', null),
  fc.string({ maxLength: 80 }),
);
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(tie('document'), { maxLength: 4 }),
    fc.dictionary(key, tie('document'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const values = fc.dictionary(
  fc.constantFrom('approved', 'rejected', '', '7', '0', '-1', 'true', 'false', 'null', 'other'),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  { noNullPrototype: true },
);
const input = fc
  .tuple(document, values, fc.nat(), fc.option(key, { freq: 5 }))
  .map(([body, given, index, beside]) => {
    const places = listPlaces(JSON.parse(JSON.stringify(body)));
    const place = places[index % places.length] ?? { pointer: '', found: body };
    if (beside === null) return { body, given, ...place };
    const pointer = `${place.pointer}/${beside.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return {
      body,
      given,
      ...(places.find((other) => other.pointer === pointer) ?? { pointer, found: undefined }),
    };
  })
  .filter(({ pointer }) => [...pointer].length <= 256);

/** Returns the value that the Worker must store, or undefined if it must refuse the body. */
function computeValue(found: unknown, given: Readonly<Record<string, number>>): number | undefined {
  const isScalar = ['string', 'number', 'boolean'].includes(typeof found);
  const mapped = isScalar && new Map(Object.entries(given)).get(`${found}`);
  if (mapped !== undefined && mapped !== false) return mapped;
  if (typeof found === 'number' || typeof found === 'boolean') return Number(found);
  return typeof found === 'string' ? readJsonNumber(found) : undefined;
}

/** Returns undefined if the text is not a finite number, or contains white space. */
function readJsonNumber(text: string): number | undefined {
  if (/\s/.test(text)) return undefined;
  try {
    const read = JSON.parse(text);
    return Number.isFinite(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

type Input = {
  readonly body: unknown;
  readonly given: Readonly<Record<string, number>>;
  readonly pointer: string;
  readonly found: unknown;
  readonly link: object;
  /** True if the body meets the conditions of the link. */
  readonly fits: boolean;
};

/** Posts random bodies. Expects each of `statuses` at least once, and no other status. */
async function check(inputs: fc.Arbitrary<Input>, statuses: readonly number[]): Promise<void> {
  const seen = new Set<number>();
  const property = fc.asyncProperty(inputs, async ({ body, given, found, link, fits }) => {
    const row = await storeEvaluation();
    const value = computeValue(found, given);
    const { url } = await createLinkTo(row, { ...link, values: given });

    const response = await worker(post(url, JSON.stringify(body)));

    seen.add(response.status);
    const isStored = fits && value !== undefined;
    expect(response.status).toBe(isStored ? 200 : fits ? 422 : 204);
    // D1 stores -0 as 0, and `value + 0` turns -0 into 0.
    const changes = isStored
      ? { value: value + 0, updated_by: SUBJECT, updated_at: expect.any(String) }
      : {};
    expect(await readEvaluation(row.id)).toEqual({ ...row, ...changes });
  });
  const result = await fc.check(property, {
    seed,
    numRuns: 60 * factor,
    includeErrorInReport: true,
  });

  if (result.failed) throw new Error(`${fc.defaultReportMessage(result)}`.toWellFormed());
  expect([...seen].sort()).toEqual(statuses);
}

it('stores what the pointer leads to, and nothing else of what is posted, or refuses it and changes nothing', async () => {
  const inputs = input.map((sent) => ({ ...sent, link: { pointer: sent.pointer }, fits: true }));

  await check(inputs, [200, 422]);
});

it('stores what a path of names and indexes leads to, as a pointer to the same place does', async () => {
  /** Turns `/a/0` into `$["a"][0]` if `a` is an array, and into `$["a"]["0"]` otherwise. */
  const buildJsonPath = (body: unknown, pointer: string): string => {
    const [, ...steps] = pointer.split('/');
    let path = '$';
    let value = body;
    for (const step of steps) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      path +=
        Array.isArray(value) && /^\d+$/.test(name) ? `[${name}]` : `[${JSON.stringify(name)}]`;
      value = new Map(Object.entries(Object(value))).get(name);
    }
    return path;
  };
  const inputs = input
    .map((sent) => ({
      ...sent,
      link: { path: buildJsonPath(sent.body, sent.pointer) },
      fits: true,
    }))
    // JSONPath has no index with a leading zero.
    .filter(({ link: { path } }) => path.length <= 512 && !/\[0\d/.test(path));

  await check(inputs, [200, 422]);
});

it('stores what a filter picks out of a list, if that is exactly one', async () => {
  const element = fc.record(
    {
      ref: fc.constantFrom('a', 'b', 1, null, true),
      n: fc.constantFrom(0, 1, 2, '1'),
      v: fc.oneof(leaf, fc.constant({})),
    },
    { requiredKeys: [] },
  );
  const literal = fc.constantFrom('a', 'b', 1, null, true);
  const inputs = fc
    .tuple(fc.array(element, { maxLength: 6 }), literal, literal, values)
    .map(([list, one, other, given]) => {
      const literals = [one, other].map((sent) => JSON.stringify(sent));
      const path = `$.list[?(@.ref==${literals[0]} || @.ref==${literals[1]}) && @.n>0 && !(@.n==2)].v`;
      const picked = list.filter(
        ({ ref, n }) => (ref === one || ref === other) && typeof n === 'number' && n > 0 && n !== 2,
      );
      const found = picked.flatMap((item) => ('v' in item ? [item.v] : []));
      return {
        body: { list },
        given,
        pointer: '',
        found: found.length === 1 ? found[0] : undefined,
        link: { path },
        fits: true,
      };
    });

  await check(inputs, [200, 422]);
});

it('ignores every body that does not fit a condition, and reads every other one', async () => {
  const isScalar = (found: unknown) =>
    found === null || !['object', 'undefined'].includes(typeof found);
  const isExact = (found: unknown) =>
    typeof found !== 'number' || Math.abs(found) <= Number.MAX_SAFE_INTEGER;
  const condition = fc.tuple(fc.nat(), fc.array(leaf, { maxLength: 2 }), fc.integer({ max: 9 }));
  const inputs = fc
    .tuple(input, fc.array(condition, { maxLength: 3 }))
    .map(([sent, conditions]) => {
      const places = listPlaces(JSON.parse(JSON.stringify(sent.body)));
      const chosen = conditions.flatMap(([index, others, luck]) => {
        const place = places[index % places.length];
        if (place === undefined || [...place.pointer].length > 256) return [];
        const own = isScalar(place.found) && luck > 1 ? [place.found] : [];
        const accepted = [...others, ...own].filter(isExact);
        if (accepted.length === 0) return [];
        return [{ ...place, accepted: accepted.length === 1 ? accepted[0] : accepted }];
      });
      const where = Object.fromEntries(chosen.map(({ pointer, accepted }) => [pointer, accepted]));
      const fits = Object.entries(where).every(([pointer, accepted]) => {
        const { found } = places.find((place) => place.pointer === pointer) ?? {};
        return [accepted].flat().some((one) => JSON.stringify(one) === JSON.stringify(found));
      });
      return { ...sent, link: { pointer: sent.pointer, where }, fits };
    });

  await check(inputs, [200, 204, 422]);
});
