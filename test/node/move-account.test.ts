/** The commands of an operator who adds a database and moves an account there, in a copy of the project; one of them killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assign, parseSlots, settingOf } from '../../src/cli/assignment.ts';
import { SAMPLE } from '../../src/cli/mint.ts';
import { OFFLINE } from '../../src/cli/offline.ts';
import { bindingOf, parseDatabases, slotOf } from '../../src/db/databases.ts';

const project = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-move-'));
const { account } = SAMPLE;
const CONFIGURATION = join(folder, 'wrangler.toml');
const bind = (binding: string, name: string) =>
  `[[d1_databases]]\nbinding = "${binding}"\ndatabase_name = "${name}"\nmigrations_dir = "drizzle"\n\n`;
/** The last is of something else. */
const MORE = bind('DB_2', 'run-evaluation-2') + bind('STATISTICS', 'statistics');

beforeAll(() => {
  for (const name of ['src', 'drizzle', 'wrangler.toml', 'package.json']) {
    cpSync(join(project, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  const text = readFileSync(CONFIGURATION, 'utf8');
  writeFileSync(CONFIGURATION, text.replace('[[ratelimits]]', `${MORE}[[ratelimits]]`));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program; or kills it, as nobody can refuse, once it says so. */
async function run(args: readonly string[], killAt?: string) {
  const [command = '', ...rest] = args;
  const isProgram = command.startsWith('src/');
  const child = spawn(isProgram ? process.execPath : command, isProgram ? args : rest, { cwd: folder, env: OFFLINE });
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk;
    if (killAt !== undefined && output.includes(killAt)) child.kill('SIGKILL');
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const [code, signal] = await once(child, 'close');
  return { ended: code ?? signal, output };
}
const move = (...options: string[]) =>
  run(['src/cli/move-account.ts', '--account', account, '--to', 'DB_2', ...options]);
const labels = (...options: string[]) => run(['src/cli/databases.ts', 'shared-labels', ...options]);

it('a database is added, and an account moved there, by the commands of OPERATING.md', {
  timeout: 300_000,
}, async () => {
  const migrated = await run(['src/cli/databases.ts', 'migrate']);
  expect(migrated.output.match(/0001_create_triggers\.sql │ ✅/g)).toHaveLength(2);
  await run(['wrangler', 'd1', 'execute', 'DB', '--local', '--file', 'src/cli/sample.sql']);

  expect(await move()).toMatchObject({
    ended: 1,
    output: expect.stringMatching(/^DB_2 lacks the shared label \S+: run npm run shared-labels -- --copy\.$/m),
  });
  expect(await labels('--copy')).toMatchObject({ ended: 0, output: expect.stringContaining('are the same') });

  expect(await run(['src/cli/move-account.ts', '--account', account, '--to', 'DB_2'], '  copy')).toMatchObject({
    ended: 'SIGKILL',
  });
  const moved = await move();
  expect(moved).toMatchObject({ ended: 0, output: expect.stringContaining('run_evaluation: 5 rows, SHA-256') });
  const line = `DATABASES = "${account}=DB_2 0-1023=DB"`;
  expect(moved.output).toContain(line);

  expect(await move('--finish')).toMatchObject({
    ended: 1,
    output: expect.stringContaining('deploy it with DB_2 first'),
  });
  const text = readFileSync(CONFIGURATION, 'utf8');
  writeFileSync(CONFIGURATION, text.replace('[version_metadata]', `[vars]\n${line}\n\n[version_metadata]`));
  expect(await move('--finish')).toMatchObject({ ended: 0, output: expect.stringContaining('delete 6 rows') });
});

it('a range of slots is moved by the command of OPERATING.md, and given back', { timeout: 120_000 }, async () => {
  const slots = ['src/cli/move-account.ts', '--slots', '768-1023', '--to', 'DB_2'];
  const line = `DATABASES = "${account}=DB_2 0-767=DB 768-1023=DB_2"`;

  expect(await run(slots)).toMatchObject({ ended: 0, output: expect.stringContaining(line) });
  expect(await run([...slots, '--undo'])).toMatchObject({ ended: 0 });
});

it('an account without a name, as of a variable that is not set, is not moved: nobody could begin any more', async () => {
  expect(await run(['src/cli/move-account.ts', '--account', '', '--to', 'DB_2'])).toEqual({
    ended: 1,
    output: '--account is empty: nothing was moved.\n',
  });
});

describe('the line that is to be deployed', () => {
  const bound = ['DB', 'DB_1', 'DB_EU'];

  it.each(['acc_1', '0-511', 'a b', 'a=b', '100%', 'é\u00a0ü', '%41', '-1', ' ', 'a\u007fb'])(
    'names an account so that it is read as it is: %j',
    (name) => {
      const line = settingOf(assign(parseDatabases('', bound), name, 'DB_EU'));

      expect(line).not.toMatch(/\p{Cc}/u);
      expect(bindingOf(parseDatabases(line, bound), name)).toBe('DB_EU');
      expect(bindingOf(parseDatabases(line, bound), `${name}x`)).toBe('DB');
    },
  );

  it('moves just the slots that it is about', () => {
    const before = parseDatabases('acc_big=DB_EU 0-511=DB 512-1023=DB_1', bound);

    const line = settingOf(assign(before, parseSlots('500-600'), 'DB_EU'));

    expect(line).toBe('acc_big=DB_EU 0-499=DB 500-600=DB_EU 601-1023=DB_1');
    expect(slotOf('acc_big')).toBe(502);
  });

  it.each(['512', '600-500', '0-1024', 'a-b', ''])('refuses slots that are no range: %j', (slots) => {
    expect(() => parseSlots(slots)).toThrow(/is not a range within 0-1023/);
  });
});
