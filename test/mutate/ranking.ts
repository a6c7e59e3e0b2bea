/**
 * Which tests are likely to kill a mutant, so that most are killed by the first one that runs: those that speak of the same
 * things, that have killed mutants that speak of them, and that reach what few others reach in the same function.
 */
import type { CoveredTest } from './coverage.ts';
import type { Mutant } from './mutant.ts';
import type { Found } from './mutants.ts';

export type Ranking = {
  /** The tests, the most likely first. */
  readonly rank: (mutant: Mutant, tests: readonly CoveredTest[]) => CoveredTest[];
  readonly learn: (mutant: Mutant, killer: CoveredTest) => void;
};

/** `evaluationLabel.archived_at` is about evaluation, label and archived; plural is singular. */
const wordsOf = (text: string): Set<string> =>
  new Set(
    (text.match(/[A-Z]?[a-z]{2,}|[A-Z]{2,}|\d{3}/g) ?? []).map((word) => {
      const lower = word.toLowerCase();
      return lower.length > 3 ? lower.replace(/(?:ed|s|d)$/, '') : lower;
    }),
  );

export function createRanking(
  { mutants }: Found,
  tests: readonly CoveredTest[],
  byMutant: ReadonlyMap<number, readonly CoveredTest[]>,
): Ranking {
  const words = new Map(tests.map((test) => [test, wordsOf(`${test.file} ${test.name}`)]));
  const counts = new Map<string, number>();
  for (const own of words.values()) for (const word of own) counts.set(word, (counts.get(word) ?? 0) + 1);
  const weightOf = (word: string) => Math.log(tests.length / (counts.get(word) ?? tests.length));
  /** How often a test has killed a mutant with that word. */
  const kills = new Map<string, Map<CoveredTest, number>>();
  const scopes = Map.groupBy(mutants, ({ file, scope }) => `${file}#${scope}`);
  const rarities = new Map<string, ReadonlyMap<CoveredTest, number>>();

  const topicsOf = ({ file, scope, before, after }: Mutant) =>
    new Set([...wordsOf(`${file} ${before} ${after}`), `${file}#${scope}`]);

  /** By function: how much a test reaches in it that few tests reach. */
  function rarityIn(scope: string): ReadonlyMap<CoveredTest, number> {
    const known = rarities.get(scope);
    if (known) return known;
    const rarity = new Map<CoveredTest, number>();
    for (const { id } of scopes.get(scope) ?? []) {
      const reaching = byMutant.get(id) ?? [];
      for (const test of reaching) rarity.set(test, (rarity.get(test) ?? 0) + 1 / reaching.length);
    }
    rarities.set(scope, rarity);
    return rarity;
  }

  return {
    rank: (mutant, candidates) => {
      const topics = topicsOf(mutant);
      const rarity = rarityIn(`${mutant.file}#${mutant.scope}`);
      const learned = new Map<CoveredTest, number>();
      for (const topic of topics) {
        const ofTopic = kills.get(topic);
        const total = [...(ofTopic?.values() ?? [])].reduce((sum, count) => sum + count, 0);
        for (const [test, count] of ofTopic ?? [])
          learned.set(test, (learned.get(test) ?? 0) + (10 * count) / (total + 2));
      }
      const score = (test: CoveredTest) => {
        let spoken = 0;
        for (const word of words.get(test) ?? []) if (topics.has(word)) spoken += weightOf(word);
        return ((0.2 + spoken + (learned.get(test) ?? 0)) * (0.1 + (rarity.get(test) ?? 0))) / (test.ms + 200);
      };
      return candidates
        .map((test) => ({ test, rank: score(test) }))
        .sort((a, b) => b.rank - a.rank)
        .map(({ test }) => test);
    },
    learn: (mutant, killer) => {
      for (const topic of topicsOf(mutant)) {
        const ofTopic = kills.get(topic) ?? new Map<CoveredTest, number>();
        ofTopic.set(killer, (ofTopic.get(killer) ?? 0) + 1);
        kills.set(topic, ofTopic);
      }
    },
  };
}
