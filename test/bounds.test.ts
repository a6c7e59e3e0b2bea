/**
 * Tests the documented limits on what an account can store, and the size of the largest response.
 */
import { describe, expect, it } from 'vitest';
import {
  BODY_MAX_BYTES,
  CATEGORIES_MAX_BYTES,
  FIELD_PATH_MAX_CHARS,
  LABEL_DESCRIPTION_MAX_CHARS,
  LABEL_NAME_MAX_CHARS,
  OUTPUT_NAME_MAX_CHARS,
} from '../src/limits.ts';
import {
  DB,
  expectRefusal,
  get,
  mintToken,
  readRun,
  request,
  storeLabel,
  worker,
} from './support/worker.ts';

/** A character of two units in UTF-16 and four bytes in UTF-8. */
const EMOJI = '\u{1f600}';

async function create(content: object, claims = {}): Promise<{ response: Response; run: string }> {
  const [run, evaluation_label_id] = [crypto.randomUUID(), crypto.randomUUID()];
  await storeLabel({ id: evaluation_label_id, account_id: 'shared' });
  const sent = await request(`/v1/run/${run}/evaluations`, {
    method: 'POST',
    body: JSON.stringify({ evaluation_label_id, value: 5, ...content }),
    headers: { authorization: `Bearer ${await mintToken(claims)}` },
  });
  return { response: await worker(sent), run };
}

describe.each([
  ['output_name', OUTPUT_NAME_MAX_CHARS],
  ['field_path', FIELD_PATH_MAX_CHARS],
])('the %s of an evaluation', (field, max) => {
  it.each([
    ['ASCII', 'a'],
    ['characters outside the BMP', EMOJI],
    ['control characters', '\u0001'],
  ])(
    'stores a field of an evaluation in full with %s up to its bound, and refuses a longer one',
    async (_, character) => {
      const text = character.repeat(max);
      const fits = await create({ [field]: text });
      const tooLong = await create({ [field]: text + character });

      expect(await fits.response.json()).toMatchObject({ [field]: text });
      await expectRefusal(tooLong.response, {
        status: 400,
        error: `${field} must be at most ${max} characters long.`,
      });
      expect(await readRun(tooLong.run)).toEqual([]);
    },
  );
});

async function createLabel(content: object, claims = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${await mintToken(claims)}` };
  const body = JSON.stringify({ name: 'tone', value_type: 'binary', ...content });
  return worker(await request('/v1/evaluation-labels', { method: 'POST', body, headers }));
}

const makeLongCategories = (count: number, character: string) =>
  Array.from({ length: count }, (_, n) => character.repeat(251) + `${n}`.padStart(4, '0'));

describe.each([
  ['name', LABEL_NAME_MAX_CHARS],
  ['description', LABEL_DESCRIPTION_MAX_CHARS],
])('the %s of a label', (field, max) => {
  it.each([
    ['ASCII', 'a'],
    ['characters outside the BMP', EMOJI],
    ['control characters', '\u0001'],
  ])(
    'stores a field of a label in full with %s up to its bound, and refuses a longer one',
    async (_, character) => {
      const text = character.repeat(max);

      expect(await (await createLabel({ [field]: text })).json()).toMatchObject({ [field]: text });
      await expectRefusal(await createLabel({ [field]: text + character }), {
        status: 400,
        error: `${field} must be at most ${max} characters long.`,
      });
    },
  );
});

describe('the categories of a label', () => {
  it.each([
    ['1,000 short ones', Array.from({ length: 1000 }, (_, n) => `${n}`)],
    ['long ones of ASCII', makeLongCategories(250, 'a')],
    ['long ones outside the BMP', makeLongCategories(60, EMOJI)],
    ['long ones of control characters', makeLongCategories(40, '\u0001')],
  ])('stores as many categories as a body can contain, in full: %s', async (_, all) => {
    const response = await createLabel({ value_type: 'ordinal', categories: all });

    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ categories: all });
  });

  it('stores the categories of the longest body', () => {
    expect(CATEGORIES_MAX_BYTES).toBe(BODY_MAX_BYTES);
  });
});

describe.each(['sub', 'account_id'])('the claim %s', (claim) => {
  it('accepts a claim of 255 characters and refuses a longer one', async () => {
    const { response } = await create({}, { [claim]: EMOJI.repeat(255) });
    const error = `The token's claim ${claim} must be at most 255 characters long.`;

    expect(response.status).toBe(201);
    await expectRefusal((await create({}, { [claim]: 'a'.repeat(256) })).response, {
      status: 401,
      error,
      headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${error}"` },
    });
  });
});

describe('the largest page', () => {
  // U+0001 is `\u0001` in JSON: six bytes, the most that one character can take.
  const longest = (characters: number) => '\u0001'.repeat(characters);

  it('answers with at most 13 MB for a page of evaluations', async () => {
    const run_id = crypto.randomUUID();
    await DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       INSERT INTO run_evaluation (id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by,
         created_by_evaluator_id, created_at, updated_by, updated_at)
       SELECT printf('018f4d3d-%04x-7000-8000-000000000000', i), ?1, ?2, ?3, ?4, ?2, -1.7976931348623157e308, ?1, ?2,
         '2026-01-01T00:00:00.000Z', ?1, '2026-01-01T00:00:00.000Z' FROM n`,
    )
      .bind(longest(255), run_id, longest(OUTPUT_NAME_MAX_CHARS), longest(FIELD_PATH_MAX_CHARS))
      .run();
    const token = await mintToken({ account_id: longest(255) });

    const response = await worker(
      await get(`/v1/run/${run_id}/evaluations`, { authorization: `Bearer ${token}` }),
    );

    const bytes = (await response.arrayBuffer()).byteLength;
    expect(response.status).toBe(200);
    expect(bytes).toBeGreaterThan(12_500_000);
    expect(bytes).toBeLessThanOrEqual(13_000_000);
  });

  it('answers with at most 10 MB for a page of labels', async () => {
    await DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 101)
       INSERT INTO evaluation_label (id, account_id, name, description, value_type, categories, created_by, created_at,
         updated_by, updated_at, archived_at)
       SELECT printf('018f4d3d-%04x-7000-8000-000000000000', i), ?1, ?2, ?3, 'ordinal', ?4, ?1,
         '2026-01-01T00:00:00.000Z', ?1, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM n`,
    )
      .bind(
        longest(255),
        longest(LABEL_NAME_MAX_CHARS),
        longest(LABEL_DESCRIPTION_MAX_CHARS),
        JSON.stringify(makeLongCategories(43, '\u0001')),
      )
      .run();
    const token = await mintToken({ account_id: longest(255) });

    const response = await worker(
      await get('/v1/evaluation-labels', { authorization: `Bearer ${token}` }),
    );

    const page = await response.text();
    expect(response.status).toBe(200);
    expect(JSON.parse(page)).toHaveLength(100);
    expect(page.length).toBeGreaterThan(9_500_000);
    expect(page.length).toBeLessThanOrEqual(10_000_000);
  });
});
