/**
 * Tests that the SQL of a write and the TypeScript that explains a refusal check the same
 * conditions. Random requests break conditions, and each response must name the first broken one.
 */
import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import {
  buildLabelPath,
  buildPath,
  formatLabel,
  type Label,
  type Row,
  readEvaluation,
  request,
  storeLabel,
  storeLabelled,
  worker,
} from './support/worker.ts';

const { seed, factor } = inject('properties');
const RUNS = 60 * factor;

type Case = { readonly rule: Partial<Label>; readonly legal: number; readonly illegal: number };

const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -20, max: 20 }),
  fc.constantFrom(2 ** 53, 2 ** 53 + 2, 2 ** 60, -(2 ** 63), 1e21, 0.1, 5e-324, -0),
);

const beyond = (bound: number, direction: 1 | -1) =>
  bound + direction * Math.max(Math.abs(bound) * 2 ** -50, 1e-9);

const continuous: Arbitrary<Case> = fc
  .tuple(double, double, fc.constantFrom('low', 'high'), fc.boolean())
  .map(([a, b, side, isOpen]) => {
    const [min_value, max_value] = [Math.min(a, b), Math.max(a, b)];
    const rule = { value_type: 'continuous', min_value, max_value };
    return side === 'low'
      ? {
          rule: isOpen ? { ...rule, max_value: null } : rule,
          legal: min_value,
          illegal: beyond(min_value, -1),
        }
      : {
          rule: isOpen ? { ...rule, min_value: null } : rule,
          legal: max_value,
          illegal: beyond(max_value, 1),
        };
  })
  .filter(({ illegal }) => Number.isFinite(illegal));

const indexed: Arbitrary<Case> = fc
  .tuple(fc.constantFrom('categorical', 'ordinal'), fc.integer({ min: 1, max: 30 }), fc.nat(29))
  .chain(([value_type, count, index]) =>
    fc.constantFrom(count, -1, 0.5, count - 0.5, 1e300).map((illegal) => ({
      rule: {
        value_type,
        categories: JSON.stringify(Array.from({ length: count }, (_, n) => `category ${n}`)),
      },
      legal: index % count,
      illegal,
    })),
  );

const binary: Arbitrary<Case> = fc
  .tuple(fc.constantFrom(0, 1), fc.constantFrom(2, -1, 0.5, 1e300))
  .map(([legal, illegal]) => ({ rule: { value_type: 'binary' }, legal, illegal }));

const anyCase = fc.oneof(continuous, indexed, binary);

/** Generates the immutable fields of a request: none, all as stored, or all with one changed. */
const immutable: Arbitrary<(row: object) => { sent: object; differs: string | undefined }> =
  fc.oneof(
    fc.constant(() => ({ sent: {}, differs: undefined })),
    fc.constant((row: object) => ({ sent: row, differs: undefined })),
    fc
      .tuple(
        fc.constantFrom('id', 'account_id', 'run_id', 'output_name', 'field_path', 'created_by'),
        fc.constantFrom('another', 'a\0b', '\ud800', 'e\u0301', null),
      )
      .map(([field, value]) => (row: object) => ({
        sent: { ...row, [field]: value },
        differs: field,
      })),
  );

const given = fc.record({
  label: anyCase,
  isLegal: fc.boolean(),
  immutable,
  precondition: fc.constantFrom('none', 'holds', 'fails'),
  key: fc.constantFrom('none', 'new', 'of this value', 'of another value'),
  isReplaced: fc.boolean(),
});

const send = async (row: Row, body: object, headers: Record<string, string | null>) =>
  worker(await request(buildPath(row), { body: JSON.stringify(body), headers }));

async function check<T>(input: Arbitrary<T>, holds: (input: T) => Promise<void>): Promise<void> {
  const result = await fc.check(fc.asyncProperty(input, holds), { seed, numRuns: RUNS });
  if (result.failed) {
    // Vitest cannot transfer a text with lone surrogates out of workerd.
    throw new Error(`${fc.defaultReportMessage(result)}\n${result.errorInstance}`.toWellFormed());
  }
}

describe('the statement and the explanation of a refused write agree', () => {
  it('an update says which of its conditions failed first, whatever the label, fields, versions and keys', async () => {
    await check(
      given,
      async ({ label, isLegal, immutable: fields, precondition, key, isReplaced }) => {
        const stored = await storeLabelled(label.rule, {
          value: label.legal,
          created_by_evaluator_id: null,
        });
        const earlier = key === 'of this value' || key === 'of another value';
        const name = crypto.randomUUID();
        const store = async (value: number, keyed: string) =>
          expect((await send(stored, { value }, { 'idempotency-key': keyed })).status).toBe(200);
        if (earlier) await store(label.legal, name);
        if (earlier && isReplaced) await store(label.legal, crypto.randomUUID());
        const row = await readEvaluation(stored.id);
        if (!row) throw new Error('the evaluation is gone');
        const { value: _, updated_by, updated_at, ...kept } = row;
        const { sent, differs } = fields(kept);
        const value = isLegal && key !== 'of another value' ? label.legal : label.illegal;
        const version = updated_at ?? row.created_at;

        const response = await send(
          row,
          { ...sent, value },
          {
            'idempotency-key': key === 'none' ? null : name,
            'if-match':
              precondition === 'none'
                ? null
                : precondition === 'holds'
                  ? `"${version}"`
                  : '"other"',
          },
        );

        const { status } = response;
        const { error } = await response.json<{ error?: string }>();
        const after = await readEvaluation(row.id);
        const refused = {
          status,
          error,
          isUnchanged: JSON.stringify(after) === JSON.stringify(row),
        };
        const unprocessable = (sentence: RegExp) => ({
          status: 422,
          error: expect.stringMatching(sentence),
          isUnchanged: true,
        });
        if (earlier && differs) expect(refused).toEqual(unprocessable(/cannot be changed/));
        else if (earlier && value !== label.legal)
          expect(refused).toEqual(unprocessable(/^The Idem/));
        else if (earlier) expect([status, after]).toEqual([200, row]);
        else if (precondition === 'fails') expect([status, after]).toEqual([412, row]);
        else if (differs) expect(refused).toEqual(unprocessable(new RegExp(`^${differs} cannot`)));
        else if (!isLegal) expect(refused).toEqual(unprocessable(/^value must be/));
        else expect(status).toBe(200);
      },
    );
  });

  it('a create says which of its conditions failed first', async () => {
    const input = fc.record({
      label: anyCase,
      isLegal: fc.boolean(),
      isArchived: fc.boolean(),
      isThere: fc.boolean(),
    });
    await check(input, async ({ label, isLegal, isArchived, isThere }) => {
      const id = crypto.randomUUID();
      const archived_at = isArchived ? '2026-01-03T03:04:05.678Z' : null;
      if (isThere) await storeLabel({ ...label.rule, id, archived_at });
      const body = { evaluation_label_id: id, value: isLegal ? label.legal : label.illegal };

      const path = `/v1/run/${crypto.randomUUID()}/evaluations`;
      const response = await worker(
        await request(path, { method: 'POST', body: JSON.stringify(body) }),
      );

      const { error = '' } = await response.json<{ error?: string }>();
      const told = [response.status, /archived|No such|value must be/.exec(error)?.[0]];
      expect(told).toEqual(
        !isThere
          ? [404, 'No such']
          : isArchived
            ? [422, 'archived']
            : isLegal
              ? [201, undefined]
              : [422, 'value must be'],
      );
    });
  });

  it('a whole label can be put back with a new name, whatever numbers its bounds are', async () => {
    await check(anyCase, async ({ rule }) => {
      const label = await storeLabel(rule);
      const put = async (change: object) =>
        worker(
          await request(buildLabelPath(label), {
            body: JSON.stringify({ ...formatLabel(label), name: 'new', ...change }),
          }),
        );

      const isBounded = label.min_value !== null;
      const response = await put({
        [isBounded ? 'min_value' : 'value_type']: isBounded ? 1234.5 : 'x',
      });
      const { error } = await response.json<{ error: string }>();
      expect([response.status, error]).toEqual([422, expect.stringContaining('cannot be changed')]);
      expect((await put({})).status).toBe(200);
    });
  });
});
