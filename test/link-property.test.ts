/**
 * What holds for any body that is posted to a link, any pointer and any values: the value at the
 * end of the pointer is stored, and nothing else of the body has an effect; or it is refused and
 * nothing changes. The rule in this file walks the body and writes the pointer down, the Worker
 * reads the pointer and walks the body.
 */
import fc from 'fast-check';
import { expect, inject, it } from 'vitest';
import { linkTo, post } from './support/links.ts';
import { readEvaluation, SUBJECT, storeEvaluation, worker } from './support/worker.ts';

const { seed, factor } = inject('properties');

type Place = { readonly pointer: string; readonly found: unknown };

/** Every place in a document. */
function placesIn(document: unknown, pointer = ''): Place[] {
  const inner = typeof document === 'object' && document !== null ? Object.entries(document) : [];
  const places = inner.flatMap(([key, value]) =>
    placesIn(value, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
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
/** Where the pointer leads: to a place in the document, or perhaps to none. */
const input = fc
  .tuple(document, values, fc.nat(), fc.option(key, { freq: 5 }))
  .map(([body, given, index, beside]) => {
    const places = placesIn(JSON.parse(JSON.stringify(body)));
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

/** The value that is to be stored; undefined if there is none. */
function expectedValue(
  found: unknown,
  given: Readonly<Record<string, number>>,
): number | undefined {
  const isScalar = ['string', 'number', 'boolean'].includes(typeof found);
  const mapped = isScalar && new Map(Object.entries(given)).get(`${found}`);
  if (mapped !== undefined && mapped !== false) return mapped;
  if (typeof found === 'number' || typeof found === 'boolean') return Number(found);
  return typeof found === 'string' ? numberThatJsonReads(found) : undefined;
}

/** The number that a JSON parser reads in a text without white space; undefined if there is none. */
function numberThatJsonReads(text: string): number | undefined {
  if (/\s/.test(text)) return undefined;
  try {
    const read = JSON.parse(text);
    return Number.isFinite(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

it('stores what the pointer leads to, and nothing else of what is posted, or refuses it and changes nothing', async () => {
  const seen = new Set<number>();
  const property = fc.asyncProperty(input, async ({ body, given, pointer, found }) => {
    const row = await storeEvaluation();
    const value = expectedValue(found, given);
    const { url } = await linkTo(row, { pointer, values: given });

    const response = await worker(post(url, JSON.stringify(body)));

    seen.add(response.status);
    const isStored = value !== undefined;
    expect(response.status).toBe(isStored ? 200 : 422);
    // D1 has no negative zero.
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
  expect([...seen].sort()).toEqual([200, 422]);
});
