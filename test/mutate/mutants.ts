/** All mutants: which files have them, and the text of a file with its mutants behind a switch. */
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Analysis, analyse, switchable } from './code.ts';
import { type Mutant, shown } from './mutant.ts';
import * as sql from './sql.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const FOLDERS = ['evaluation', 'auth', 'link', 'db', 'label'];

/** What writes SQL before the build, and is not part of the Worker: `npm run sql -- --check` and node/migrations hold it. */
const BEFORE_THE_BUILD = /\.query\.ts$|\/db\/(?:compile|conditions|checks|schema)\.ts$/;

const isGenerated = (file: string) => file.endsWith('/sql.generated.ts');

/** Of labels, the SQL alone. */
const mutated = FOLDERS.flatMap((folder) => globSync(`src/${folder}/*.ts`, { cwd: root }).sort()).filter(
  (file) => !BEFORE_THE_BUILD.test(file) && (isGenerated(file) || !file.startsWith('src/label/')),
);

/** Where constants of them are read. */
const traced = globSync('src/**/*.ts', { cwd: root, exclude: ['src/cli/**', 'src/env.d.ts'] }).filter(
  (file) => !BEFORE_THE_BUILD.test(file) && !isGenerated(file),
);

export const areaOf = (file: string) => (isGenerated(file) ? 'generated SQL' : file.split('/').slice(0, 2).join('/'));

export const sourceOf = (file: string) => readFileSync(`${root}${file}`, 'utf8');

export function findMutants() {
  const sources = new Map([...mutated, ...traced].map((file) => [file, sourceOf(file)]));
  const analyses = new Map<string, Analysis>(traced.map((file) => [file, analyse(sources.get(file) ?? '')]));
  const readInWorker = new Set(
    traced.flatMap((file) => {
      const { reads = [], madeFrom = new Map<string, ReadonlySet<string>>() } = analyses.get(file) ?? {};
      const names = [...reads.map(({ name }) => name), ...[...madeFrom.values()].flatMap((others) => [...others])];
      return names.flatMap((name) => constantOf(file, name) ?? []);
    }),
  );
  const mutants: Mutant[] = [];
  for (const file of mutated) {
    const source = sources.get(file) ?? '';
    for (const change of isGenerated(file) ? sql.changesOf(source) : (analyses.get(file)?.changes ?? [])) {
      // What only queries are made from is not part of the Worker either.
      if (typeof change.scope === 'string' && !readInWorker.has(`${file}#${change.scope}`)) continue;
      const { before, after } = shown(source, change);
      const name = isGenerated(file) ? `${/(\w+):[^:]*$/.exec(source.slice(0, Number(change.scope)))?.[1]}: ` : '';
      mutants.push({ ...change, id: mutants.length + 1, file, before: `${name}${before}`, after });
    }
  }
  const constants = new Set(
    mutants.flatMap(({ file, scope }) => (typeof scope === 'string' ? [`${file}#${scope}`] : [])),
  );
  return { mutants, analyses, constants, switched };

  /** The constant that a name stands for in a file, as `<file>#<name>`. */
  function constantOf(file: string, name: string): string | undefined {
    const from = analyses.get(file)?.imported.get(name);
    const home = from?.startsWith('.') ? join(file, '..', from) : file;
    return analyses.get(home)?.madeFrom.has(name) ? `${home}#${name}` : undefined;
  }

  /** The text of a file with its mutants behind a switch, and with a note of each constant that is read. */
  function switched(file: string, source: string): string | undefined {
    const own = mutants.filter((mutant) => mutant.file === file);
    if (isGenerated(file)) return own.length > 0 ? sql.switchable(source, own) : undefined;
    const reads = (analyses.get(file)?.reads ?? []).flatMap((read) => {
      const name = constantOf(file, read.name);
      return name === undefined ? [] : [{ ...read, name }];
    });
    return own.length > 0 || reads.length > 0 ? switchable(source, own, reads) : undefined;
  }
}

export type Found = ReturnType<typeof findMutants>;

/** The constants that are made from others, however far: what reads one has reached those as well. */
export function constantsBehind({ analyses }: Found): (name: string) => ReadonlySet<string> {
  const known = new Map<string, ReadonlySet<string>>();
  return function behind(constant: string): ReadonlySet<string> {
    const before = known.get(constant);
    if (before) return before;
    const all = new Set([constant]);
    known.set(constant, all);
    const [file = '', name = ''] = constant.split('#');
    const analysis = analyses.get(file);
    for (const other of analysis?.madeFrom.get(name) ?? []) {
      const from = analysis?.imported.get(other);
      const home = from?.startsWith('.') ? join(file, '..', from) : file;
      if (analyses.get(home)?.madeFrom.has(other)) for (const one of behind(`${home}#${other}`)) all.add(one);
    }
    return all;
  };
}

/** Switches every mutant on its way into workerd. */
export function switchPlugin() {
  const { switched } = findMutants();
  return {
    name: 'switch-mutants',
    enforce: 'pre' as const,
    transform(source: string, id: string) {
      const code = switched(relative(root, id.split('?')[0] ?? ''), source);
      return code === undefined ? undefined : { code, map: null };
    },
  };
}
