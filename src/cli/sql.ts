/**
 * `npm run sql` turns drizzle queries and migrations into SQL text before the build. With
 * `--check`, the program only fails if a generated file is stale.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { format } from 'sql-formatter';
import { FLAG, program } from './program.ts';

const MIGRATIONS = 'src/db/migrations.generated.ts';

const HELP = `Writes the SQL of the drizzle queries in src/*/*.query.ts into src/*/sql.generated.ts,
and the migrations of drizzle/ into ${MIGRATIONS}.

  npm run sql -- [options]

  --check   writes nothing, and fails if a file is stale
  --help    this text`;

const isQuery = (exported: unknown): exported is { readonly text: string } =>
  typeof exported === 'object' &&
  exported !== null &&
  'text' in exported &&
  typeof exported.text === 'string';

/** Breaks a statement into lines. Tabs make the text in the deployed Worker shorter than spaces. */
function indentStatement(text: string): string {
  const lines = layOut(text);
  if (/[`\\]|\$\{/.test(lines))
    throw new Error(`a query contains a character with a meaning in a template: ${lines}`);
  return lines.replaceAll(/^/gm, '\t');
}

/** Returns the import name of a file of queries: `bulkDeleteQueries` for `bulk-delete.query.ts`. */
const createImportName = (file: string) =>
  `${basename(file, '.query.ts').replaceAll(/\W+(\w)/g, (_, letter) => letter.toUpperCase())}Queries`;

async function generate(folder: string, files: readonly string[]): Promise<string | undefined> {
  const imports: string[] = [];
  const statements: string[] = [];
  for (const file of files) {
    const module: Readonly<Record<string, unknown>> = await import(resolve(file));
    const queries = Object.entries(module).filter((entry): entry is [string, { text: string }] =>
      isQuery(entry[1]),
    );
    if (queries.length === 0) continue;
    const name = createImportName(file);
    imports.push(`import type * as ${name} from './${basename(file)}';\n`);
    for (const [query, { text }] of queries) {
      statements.push(
        `\nexport const ${query}: StatementOf<typeof ${name}.${query}> = statement(\`\n${indentStatement(text)}\n\`);\n`,
      );
    }
  }
  if (statements.length === 0) return undefined;
  return `// generated: do not edit. Written by \`npm run sql\` from the drizzle queries in ${folder}/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
${imports.join('')}${statements.join('')}`;
}

/**
 * Returns `db/migrations.generated.ts`. Leaves out comments, indentation and quotes, to keep the
 * deployed Worker small.
 */
function generateMigrations(): string {
  const files = globSync('drizzle/*.sql').sort();
  const migrations = files.map((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const sql = lines.map((line) => line.replace(/--.*/, '').trim()).filter((line) => line !== '');
    const text = sql.join('\n').replaceAll(/[`"]/g, '');
    return `  {\n    name: '${basename(file)}',\n    sql: \`\n${text}\n\`,\n  },\n`;
  });
  return `// generated: do not edit. Written by \`npm run sql\` from the migrations in drizzle/.
export const MIGRATIONS = [
${migrations.join('')}] as const;

/** The Worker needs a database with this migration. */
export const NEWEST_MIGRATION = '${basename(files.at(-1) ?? '')}';
`;
}

async function run(check: boolean): Promise<void> {
  // A *.query.ts imports NEWEST_MIGRATION from the migrations file, so this file comes first.
  write(MIGRATIONS, generateMigrations(), check);
  const folders = Map.groupBy(globSync('src/*/*.query.ts').sort(), (file) => dirname(file));
  for (const [folder, files] of folders)
    write(`${folder}/sql.generated.ts`, await generate(folder, files), check);
}

function write(target: string, text: string | undefined, check: boolean): void {
  const present = existsSync(target) ? readFileSync(target, 'utf8') : undefined;
  if (text === present) return;
  if (check) throw new Error(`${target} is stale: run \`npm run sql\`, and read what it changed.`);
  if (text === undefined) throw new Error(`${target} has no query left: delete it.`);
  writeFileSync(target, text);
  console.log(`Wrote ${target}.`);
}

const LINE_MAX_CHARS = 100;

/** A line of SQL, the lines that are indented below it, and the closing line, such as `)`. */
type Block = { readonly first: string; readonly inner: Block[]; last: string };

/** Breaks SQL into lines of at most LINE_MAX_CHARS characters, where SQL can be broken. */
function layOut(text: string): string {
  const broken = format(text, {
    language: 'sqlite',
    keywordCase: 'upper',
    functionCase: 'lower',
    expressionWidth: LINE_MAX_CHARS,
    useTabs: true,
  });
  return splitLines(splitBlocks(broken.split('\n'))).join('\n');
}

function splitBlocks(lines: readonly string[], depth = 0): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]?.trim() ?? '';
    const next = lines.findIndex(
      (other, index) => index > at && !other.startsWith('\t'.repeat(depth + 1)),
    );
    const end = next < 0 ? lines.length : next;
    const above = blocks.at(-1);
    if (above && /^(?:\)|END\b)/.test(line) && end === at + 1) above.last = line;
    else
      blocks.push({
        first: line,
        inner: splitBlocks(lines.slice(at + 1, end), depth + 1),
        last: '',
      });
    at = end;
  }
  return blocks;
}

function splitLines(blocks: readonly Block[]): string[] {
  const isList = blocks.slice(0, -1).every((block) => oneLine(block).endsWith(','));
  const lines: string[][] = [];
  for (const block of blocks) {
    const line = oneLine(block);
    const next = line.length <= LINE_MAX_CHARS ? [line] : breakLongLine(block);
    const above = lines.at(-1);
    const joined = `${above} ${line}`;
    if (isList && above?.length === 1 && joined.length <= LINE_MAX_CHARS) above[0] = joined;
    else lines.push(next);
  }
  return lines.flat();
}

function breakLongLine({ first, inner, last }: Block): string[] {
  const [only, ...others] = inner;
  if (only && others.length === 0 && last === '')
    return breakLongLine({ ...only, first: `${first} ${only.first}` });
  const select = inner.map(oneLine).join(' ');
  const isShort = select.startsWith('SELECT') && select.length <= LINE_MAX_CHARS;
  return [
    first,
    ...(isShort ? [select] : splitLines(inner)).map((line) => `\t${line}`),
    ...(last === '' ? [] : [last]),
  ];
}

const oneLine = ({ first, inner, last }: Block): string =>
  [first, ...inner.map(oneLine), last].reduce((text, more) =>
    text.endsWith('(') || more.startsWith(')') || more === '' ? text + more : `${text} ${more}`,
  );

await program(HELP, { check: FLAG }, ({ check }) => run(check));
