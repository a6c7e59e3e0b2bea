/**
 * The simulation (test/README.md) can be trusted: it repeats a seed exactly, and finds each kind of
 * fault that is planted. Each run is the one of `npm run simulate`, in a thread of its own.
 */
import { afterAll, expect, it } from 'vitest';
import { FAULTS, type FaultName } from '../simulation/faults.ts';
import { startThread } from '../simulation/thread.ts';

const thread = startThread();
afterAll(() => thread.stop());

/** An account lives in D1 in the first, in an object in the second, and moves in the third. */
const SEEDS = [3, 4, 5];
const ALL_KINDS = [
  'lost',
  'doubled',
  'invented',
  'out of order',
  'two callers with one tag',
  'undone by a late attempt',
  'illegal value',
  'stale',
  'wrongly refused',
  'broken',
];

it.each(SEEDS)('seed %i gives the same run again, which has no fault', async (seed) => {
  const run = await thread.run({ seed });

  expect(run).toMatchObject({ kind: undefined, operations: 3000 });
  expect(await thread.run({ seed })).toEqual(run);
  expect((await thread.run({ seed: seed + SEEDS.length })).digest).not.toBe(run.digest);
});

it('a fault of each kind is planted', () => {
  const planted = new Set(Object.values(FAULTS).map(({ kind }) => kind));

  expect([...planted].sort()).toEqual(ALL_KINDS.sort());
});

it.each(Object.keys(FAULTS) as FaultName[])('finds the planted fault: %s', async (fault) => {
  const { kind } = FAULTS[fault];
  let report = await thread.run({ seed: 3, fault });
  for (let seed = 4; seed < 15 && report.kind !== kind; seed += 1)
    report = await thread.run({ seed, fault });

  expect(report.kind).toBe(kind);
  expect(report.text).toMatch(new RegExp(`^seed \\d+: ${kind}: [^]*\\n\\*? +#\\d+ `));
});
