/** The table of a run, and whether it is good: enough mutants killed, and each survivor listed in README.md with a reason. */
import { readFileSync } from 'node:fs';
import type { Verdict } from './judge.ts';
import type { Mutant } from './mutant.ts';
import { areaOf, root } from './mutants.ts';
import { isKill } from './results.ts';

const KILLED_MIN_PERCENT = 95;

const percent = (part: number, whole: number) => (whole === 0 ? 100 : (100 * part) / whole);

/** In Markdown: with as many grave accents as it takes. */
const quoted = (text: string) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);
const entryOf = ({ file, before, after }: Mutant) => `${quoted(file)}: ${quoted(before)} → ${quoted(after)}`;

/** The list of the page: `- <file>: <before> → <after>: <reason>`. */
function listedSurvivors(): Set<string> {
  const page = readFileSync(`${root}test/mutate/README.md`, 'utf8');
  const [, list = ''] = page.split('## Survivors');
  const entries = list.split('\n').filter((line) => line.startsWith('- '));
  return new Set(entries.map((line) => line.slice(2)));
}

export function report(wanted: readonly Mutant[], verdicts: ReadonlyMap<number, Verdict>, isPart: boolean): boolean {
  const listed = [...listedSurvivors()];
  const isListed = (mutant: Mutant) => listed.some((line) => line.startsWith(`${entryOf(mutant)}:`));
  console.log(
    '| area | mutants | killed | of them by time-out | survived | not decided | killed |\n| --- | --- | --- | --- | --- | --- | --- |',
  );
  const row = (name: string, mutants: readonly Mutant[]) => {
    const count = (...states: Verdict['state'][]) =>
      mutants.filter(({ id }) => states.some((state) => state === verdicts.get(id)?.state)).length;
    const [killed, late, survived] = [count('killed', 'timeout'), count('timeout'), count('survived', 'unreached')];
    const share = percent(killed, mutants.length);
    const cells = [name, mutants.length, killed, late, survived, mutants.length - killed - survived];
    console.log(`| ${cells.join(' | ')} | ${share.toFixed(1)} % |`);
    return share;
  };
  for (const [area, mutants] of Map.groupBy(wanted, ({ file }) => areaOf(file))) row(area, mutants);
  const score = row('all', wanted);

  const survivors = wanted.filter(({ id }) => !isKill(verdicts.get(id)?.state));
  const fresh = survivors.filter((mutant) => !isListed(mutant));
  for (const mutant of fresh) console.log(`- ${entryOf(mutant)}: ${verdicts.get(mutant.id)?.state ?? 'not run'}`);
  const entries = new Set(survivors.map(entryOf));
  const stale = isPart ? [] : listed.filter((line) => ![...entries].some((entry) => line.startsWith(`${entry}:`)));
  for (const line of stale) console.log(`listed in README.md, and not a survivor: ${line}`);
  if (score < KILLED_MIN_PERCENT) console.log(`under ${KILLED_MIN_PERCENT} % killed`);
  if (fresh.length > 0) console.log(`${fresh.length} survivors are not listed in README.md`);
  return score >= KILLED_MIN_PERCENT && fresh.length === 0 && stale.length === 0;
}
