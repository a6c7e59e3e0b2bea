/**
 * What earlier runs have found, in a file of JSON lines, so that a run that is cut off is continued. A kill holds as long as the
 * mutant's file and the test that killed it are as they were; that nothing kills it, as long as everything is.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { hashOf, hashOfProgram, hashOfTest, testFiles } from './coverage.ts';
import type { Verdict } from './judge.ts';
import type { Mutant } from './mutant.ts';
import { type Found, sourceOf } from './mutants.ts';

type Line = Omit<Verdict, 'mutant'> & { readonly key: string; readonly holds: string };

export function openResults(store: string, found: Found) {
  const everything = hashOf(hashOfProgram(found), ...testFiles().map(hashOfTest));
  const tests = new Map(testFiles().map((file) => [file, hashOfTest(file)]));
  const sources = new Map([...new Set(found.mutants.map(({ file }) => file))].map((file) => [file, sourceOf(file)]));
  const keyOf = ({ file, start, end, to }: Mutant) => hashOf(file, sources.get(file) ?? '', `${start} ${end} ${to}`);
  const holdsAsLongAs = ({ state, file }: Pick<Line, 'state' | 'file'>) =>
    isKill(state) && file !== undefined ? tests.get(file) : everything;

  return {
    read(): Map<number, Verdict> {
      const text = existsSync(store) ? readFileSync(store, 'utf8').trim() : '';
      const lines = text.split('\n').flatMap((line): Line[] => (line === '' ? [] : [JSON.parse(line)]));
      const kept = new Map(lines.filter((line) => line.holds === holdsAsLongAs(line)).map((line) => [line.key, line]));
      return new Map(
        found.mutants.flatMap((mutant) => {
          const line = kept.get(keyOf(mutant));
          return line ? [[mutant.id, { ...line, mutant }] as const] : [];
        }),
      );
    },
    write({ mutant, ...rest }: Verdict): void {
      const line = { key: keyOf(mutant), holds: holdsAsLongAs(rest), ...rest };
      appendFileSync(store, `${JSON.stringify(line)}\n`);
    },
  };
}

export const isKill = (state: Verdict['state'] | undefined) => state === 'killed' || state === 'timeout';
