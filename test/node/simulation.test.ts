/**
 * Tests the simulation (test/README.md). A seed always gives the same run, and the checks find each
 * planted fault.
 */
import { afterAll, expect, it } from 'vitest';
import { FAULTS, type FaultName } from '../simulation/faults.ts';
import { startThread } from '../simulation/thread.ts';

const thread = startThread();
afterAll(() => thread.stop());

/**
 * With seed 4, a Durable Object stores one of the two accounts. With seed 5, an account moves into
 * a Durable Object during the run.
 */
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

it.each(SEEDS)('seed %i repeats its run exactly, and the run has no fault', async (seed) => {
  const run = await thread.run({ seed });

  expect(run).toMatchObject({ kind: undefined, operations: 3000 });
  expect(await thread.run({ seed })).toEqual(run);
  expect((await thread.run({ seed: seed + SEEDS.length })).digest).not.toBe(run.digest);
});

it('the planted faults cover every kind', () => {
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
