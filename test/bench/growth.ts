/**
 * `npm run bench:growth`: 100,000 accounts, of which a few hold most, over 1 to 64 databases: how even they are, and what
 * moves when one is added, in GB, calls, rows and dollars. The cost of a moved evaluation is measured by a move on local
 * databases; the rest is simulated with the Worker's own hash, and is the same each time.
 */
import { randomUUID } from 'node:crypto';
import { finishMove, startMove } from '../../src/cli/move.ts';
import { query } from '../../src/cli/move-tables.ts';
import { SLOTS, slotOf } from '../../src/db/databases.ts';
import { startStores } from '../node/d1-stores.ts';
import { progress, table } from './measure.ts';

if (process.argv.includes('--help')) {
  console.log('npm run bench:growth prints the table of Growth in .github/OPERATING.md, without options.');
  process.exit();
}

const ACCOUNTS = 100_000;
const DATABASES = [1, 2, 4, 8, 16, 32, 64];
/** Every evaluation has been changed once: 372 bytes with its index, and 214 for the replaced value (README.md). */
const BYTES_PER_EVALUATION = 586;
const GB = 1e9;
/** What all hold together. */
const TOTAL_GB = 100;
/** An account with more than this part of a database is put by name. */
const NAMED_FROM = 0.05;

/** Cloudflare, D1, Pricing: above what is included, on the paid plan. */
const DOLLARS = { row_read: 0.001 / 1e6, row_written: 1 / 1e6, GB_month: 0.75 };

const sum = (figures: readonly number[]) => figures.reduce((total, figure) => total + figure, 0);

type Account = { readonly name: string; readonly slot: number; readonly share: number };

/** Zipf's law with exponent 1: the second has half of the first, the third a third. */
function accounts(): Account[] {
  const total = sum(Array.from({ length: ACCOUNTS }, (_, rank) => 1 / (rank + 1)));
  return Array.from({ length: ACCOUNTS }, (_, rank) => {
    const name = `acc_${String(rank * 7919).padStart(12, '0')}`;
    return { name, slot: slotOf(name), share: 1 / (rank + 1) / total };
  });
}

type Layout = { readonly loads: number[]; readonly slots: number[]; readonly homes: number[]; readonly named: number };

/** How full each may be so that what is left just fits in, without taking anything from those that have more. */
function levelOf(loads: readonly number[], left: number): number {
  const sorted = [...loads].sort((a, b) => a - b);
  const fits = sorted.findIndex((next, count) => next * count - sum(sorted.slice(0, count)) >= left);
  const filled = fits < 0 ? sorted : sorted.slice(0, fits);
  return (sum(filled) + left) / filled.length;
}

/** Equal numbers of slots; or the big accounts by name, each where least is, and then ranges of slots that fill up the rest. */
function layOut(all: readonly Account[], databases: number, byName: boolean): Layout {
  const isNamed = ({ share }: Account) => byName && databases > 1 && share > NAMED_FROM / databases;
  const loads: number[] = Array(databases).fill(0);
  const named = all.filter(isNamed);
  const add = (database: number, share: number) => {
    loads[database] = (loads[database] ?? 0) + share;
  };
  for (const { share } of named) add(loads.indexOf(Math.min(...loads)), share);
  const slots: number[] = Array(SLOTS).fill(0);
  for (const { slot, share } of all.filter((account) => !isNamed(account))) slots[slot] = (slots[slot] ?? 0) + share;
  const level = levelOf(loads, sum(slots));
  let filling = 0;
  const homes = slots.map((share, slot) => {
    while (byName && filling < databases - 1 && (loads[filling] ?? 0) + share / 2 > level) filling += 1;
    const home = byName ? filling : Math.floor((slot * databases) / SLOTS);
    add(home, share);
    return home;
  });
  return { loads, slots, homes, named: named.length };
}

/** What a new database takes over until it has as much as the others then have: slots of the fullest, the last ones first. */
function movedWhenOneIsAdded({ loads, slots, homes }: Layout): number {
  const left = [...loads];
  const free = homes.map((home, slot) => ({ home, share: slots[slot] ?? 0 }));
  let moved = 0;
  while (moved < 1 / (loads.length + 1)) {
    const fullest = [...left.keys()].filter((home) => free.some((slot) => slot.home === home));
    const from = fullest.reduce((most, home) => ((left[home] ?? 0) > (left[most] ?? 0) ? home : most));
    const [slot] = free.splice(
      free.findLastIndex(({ home }) => home === from),
      1,
    );
    left[from] = (left[from] ?? 0) - (slot?.share ?? 0);
    moved += slot?.share ?? 0;
  }
  return moved;
}

/** Calls, rows read and rows written for each evaluation with one replaced value: of a move, and of --finish. */
async function measureMove(evaluations: number) {
  const databases = await startStores('DB', 'DB_1');
  const [source, target] = databases.stores;
  if (!source || !target) throw new Error('there are no databases');
  const move = { account: 'acc_bench', source, target };
  const ids = JSON.stringify(Array.from({ length: evaluations }, () => randomUUID()));
  await query(
    source,
    `INSERT INTO run_evaluation (id, account_id, run_id, evaluation_label_id, value, created_at)
      SELECT value, 'acc_bench', value, value, 1, '2026-01-02T03:04:05.678Z' FROM json_each(?)`,
    ids,
  );
  await query(source, 'UPDATE run_evaluation SET value = 2');
  const before = { ...databases.cost };
  const silent = { step: () => {}, done: () => {} };
  await startMove(move, silent);
  await finishMove(move, silent);
  const { calls, rows_read, rows_written } = databases.cost;
  await databases.stop();
  return {
    calls: (calls - before.calls) / evaluations,
    read: (rows_read - before.rows_read) / evaluations,
    written: (rows_written - before.rows_written) / evaluations,
  };
}

progress('moving 20,000 evaluations between local databases');
const cost = await measureMove(20_000);
progress('simulating');
const all = accounts();
const gigabytes = (share: number) => `${(share * TOTAL_GB).toFixed(1)} GB`;
const rows = DATABASES.map((databases) => {
  const [bySlots, byName] = [layOut(all, databases, false), layOut(all, databases, true)];
  const fullest = ({ loads }: Layout) => {
    const most = Math.max(...loads);
    return `${gigabytes(most)}, ${(most * databases).toFixed(2)} ×`;
  };
  const moved = movedWhenOneIsAdded(byName);
  const evaluations = (moved * TOTAL_GB * GB) / BYTES_PER_EVALUATION;
  const dollars = evaluations * (cost.read * DOLLARS.row_read + cost.written * DOLLARS.row_written);
  return [
    `${databases}`,
    fullest(bySlots),
    fullest(byName),
    `${byName.named}`,
    `${gigabytes(moved)}, ${(100 * moved).toFixed(0)} %`,
    `${(evaluations / 1e6).toFixed(1)} million`,
    (Math.round((evaluations * cost.calls) / 1000) * 1000).toLocaleString('en'),
    `$${dollars.toFixed(0)}`,
  ];
});
const top = (count: number) => `${(100 * sum(all.slice(0, count).map(({ share }) => share))).toFixed(0)} %`;
const evaluations = (TOTAL_GB * GB) / BYTES_PER_EVALUATION;
console.log(`
${ACCOUNTS.toLocaleString('en')} accounts by Zipf's law hold ${TOTAL_GB} GB, ${(evaluations / 1e6).toFixed(0)} million evaluations: the biggest ${top(1)}, the biggest ten ${top(10)}, the biggest thousand ${top(1000)}.
A moved evaluation with one replaced value: ${cost.read.toFixed(1)} rows read, ${cost.written.toFixed(1)} written, ${(1 / cost.calls).toFixed(0)} of them a call.
Storage: $${((TOTAL_GB - 5) * DOLLARS.GB_month).toFixed(0)} a month, in however many databases. An evaluation that is created and changed once: $${((7 * DOLLARS.row_read + 4 * DOLLARS.row_written) * 1e6).toFixed(2)} a million.
`);
console.log(
  table(
    [
      ...['databases', 'fullest, by equal slots', 'fullest, big accounts by name', 'named'],
      ...['moves when one is added', 'evaluations', 'D1 calls', 'once'],
    ],
    rows,
  ),
);
