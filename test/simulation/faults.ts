/**
 * Lists faults that a test plants in the Worker's SQL (test/node/simulation.test.ts). The checks
 * must report each fault with its `kind`.
 */
import type { Kind } from './check.ts';
import type { Alteration } from './database.ts';

type PlantedFault = {
  readonly kind: Kind;
  readonly changes: readonly (readonly [RegExp, string])[];
};

export const FAULTS = {
  'a replaced value leaves the history': {
    kind: 'lost',
    changes: [
      [
        /INSERT OR IGNORE INTO keyed_write/,
        'DELETE FROM run_evaluation_history WHERE value % 20 = 3; $&',
      ],
    ],
  },
  'an account arrives in its object without some of its history': {
    kind: 'lost',
    changes: [
      [/^SELECT .* FROM run_evaluation_history WHERE account_id = \?1/, '$& AND value % 20 <> 3'],
    ],
  },
  'an attempt does not find its own write in the row': {
    kind: 'doubled',
    changes: [[/NOT \(e\.write_id = \?\d+ OR/, 'NOT (0 OR']],
  },
  'another value is stored than the caller sent': {
    kind: 'invented',
    changes: [[/SET value = (\?\d+)/, 'SET value = iif($1 % 20 = 3, $1 + 0.5, $1)']],
  },
  'an update is stored and gets 404': {
    kind: 'invented',
    changes: [
      [/^(UPDATE run_evaluation AS e .*) RETURNING .*$/, '$1'],
      [/LEFT JOIN run_evaluation e ON \(/, '$&0 AND '],
    ],
  },
  'a write takes its time only from the clock of its edge': {
    kind: 'out of order',
    changes: [
      [/updated_at = max\((\?\d+), strftime\([^)]*\)[^)]*\)\)/, 'updated_at = $1'],
      [
        /NEW\.updated_at > coalesce\(OLD\.updated_at, OLD\.created_at\)/g,
        'NEW.updated_at <> coalesce(OLD.updated_at, OLD.created_at)',
      ],
      [/CHECK\(updated_at < replaced_at\)/, 'CHECK(1)'],
    ],
  },
  'If-Match is not compared': {
    kind: 'two callers with one tag',
    changes: [[/\(\?\d+ IS NULL OR coalesce\(e\.updated_at/, '(1 OR coalesce(e.updated_at']],
  },
  'an attempt does not find its own write in the history': {
    kind: 'undone by a late attempt',
    changes: [[/OR NOT EXISTS \(SELECT 1 FROM run_evaluation_history/, 'OR 1 $&']],
  },
  'an attempt does not find its own key': {
    kind: 'undone by a late attempt',
    changes: [[/w\.write_id = \?\d+\)\)/, 'w.write_id IS NULL))']],
  },
  'an attempt does not look for a deletion': {
    kind: 'undone by a late attempt',
    changes: [[/d\.deleted_at >= \?\d+/, "d.deleted_at >= '9'"]],
  },
  'a deletion ignores the time of the row that it deletes': {
    kind: 'undone by a late attempt',
    changes: [[/AS version FROM run_evaluation e WHERE \(/, '$&0 AND ']],
  },
  'a revoked link still works': {
    kind: 'undone by a late attempt',
    changes: [[/^UPDATE .*k\.id = (?=\?\d+)/, '$&1 + ']],
  },
  'a label allows every number': {
    kind: 'illegal value',
    changes: [[/WHEN 'continuous' THEN/g, '$& 1 OR']],
  },
  'an archived label takes new evaluations': {
    kind: 'illegal value',
    changes: [[/l\.archived_at IS NULL/g, '1']],
  },
  'a response leaves out some of the history': {
    kind: 'stale',
    changes: [[/AND h\.replaced_at < \?\d+/, '$& AND h.value % 20 <> 3']],
  },
  'a read overlooks some evaluations': {
    kind: 'wrongly refused',
    changes: [[/^SELECT id, .* FROM run_evaluation e WHERE \(/, '$&e.value % 20 <> 3 AND ']],
  },
  'a read finds an evaluation in every run': {
    kind: 'broken',
    changes: [[/^(SELECT .*)(e\.run_id = \?\d+)/, '$1($2 OR 1)']],
  },
} satisfies Record<string, PlantedFault>;

export type FaultName = keyof typeof FAULTS;

export function plantFault(name: FaultName): Alteration {
  const { changes }: PlantedFault = FAULTS[name];
  return (sql) => changes.reduce((text, [found, put]) => text.replace(found, put), sql);
}
