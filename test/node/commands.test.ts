/**
 * The commands of the pages that no other test executes: a contributor's, and an operator's as far as they go without an
 * account. Slow programs only say what they do. pages.test.ts fails for a command that is nowhere.
 */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SAMPLE } from '../../src/cli/mint.ts';
import { readSettings } from '../../src/settings.ts';
import { cloneProject } from './clone.ts';
import { commandsOf, FILES, PAGES, read, sectionOf, shellBlocksOf } from './pages.ts';

const { folder, shell, remove } = cloneProject();
afterAll(remove);

const OPERATING = '.github/OPERATING.md';
const inClone = (file: string) => readFileSync(join(folder, file), 'utf8');

/** Every table that has an account. */
const TABLES = [...read('drizzle/0000_create_tables.sql').matchAll(/CREATE TABLE `(\w+)`/g)].map(
  ([, name = '']) => name,
);

/** A command of wrangler that needs an account, with the options that the pages give it. */
const WRANGLER = [
  ['tail'],
  ['rollback'],
  ['secret put'],
  ['d1 create'],
  ['d1 time-travel info'],
  ['d1 time-travel restore'],
].map(([name = '']): [string, string[]] => {
  const used = PAGES.flatMap(commandsOf).filter(({ text }) => text.includes(`wrangler ${name}`));
  return [
    name,
    used.flatMap(
      ({ text }) => text.replaceAll(/'[^']*'|"[^"]*"/g, '').match(/--[a-z][\w-]*/g) ?? [],
    ),
  ];
});

/** What curl would send, without sending it. */
function sentBy(script: string) {
  const bin = join(folder, '.stand-ins');
  mkdirSync(bin, { recursive: true });
  for (const [name, program] of Object.entries({ curl: `printf '%s\\n--\\n' "$@"`, jq: 'cat' })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${program}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const args = outputOf(`PATH=${bin}:$PATH\n${script}`).split('\n--\n');
  return {
    url: args.find((arg) => arg.startsWith('https:')),
    data: JSON.parse(args[args.indexOf('-d') + 1] ?? ''),
  };
}

/** @throws {Error} unless the command succeeds. */
function outputOf(command: string): string {
  const { status, stdout, stderr } = shell(command);
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

describe('a contributor', { timeout: 180_000 }, () => {
  it.each([
    ['npm run sql', readdirSync('src').map((name) => `src/${name}/sql.generated.ts`)],
    ['npm run openapi', ['src/openapi.generated.json']],
    ['npm run cf-typegen', ['src/env.d.ts']],
  ])('finds nothing to commit after %s', (command, files) => {
    outputOf(command);

    const written = files.filter((file) => FILES.includes(file));
    expect(written.length).toBeGreaterThan(0);
    expect(written.map(inClone)).toEqual(written.map(read));
  });

  it('gets a migration for a change of the schema, and an empty one for a trigger', () => {
    const copy = cloneProject();
    const table = "\nexport const example = sqliteTable('example', { id: text().primaryKey() });\n";
    appendFileSync(join(copy.folder, 'src/db/schema.ts'), table);

    copy.shell('npm run migration -- --name verb_noun');
    copy.shell('npm run migration -- --custom --name verb_noun');

    const drizzle = join(copy.folder, 'drizzle');
    const written = readdirSync(drizzle).filter((name) => name.endsWith('_verb_noun.sql'));
    expect(written.map((name) => readFileSync(join(drizzle, name), 'utf8').trim())).toEqual([
      'CREATE TABLE `example` (\n\t`id` text PRIMARY KEY NOT NULL\n);',
      '-- Custom SQL migration file, put your code below! --',
    ]);
    copy.remove();
  });

  it('runs the tests of one file', () => {
    expect(outputOf('npm test -- test/label.test.ts')).toMatch(/Test Files .*1 passed/);
  });

  it('runs the property tests with a new seed', () => {
    expect(outputOf("npm run check:random -- --testNamePattern 'of no name'")).toMatch(
      /Test Files .*4 skipped/,
    );
  });

  it.each(['npm run soak', 'npm run bench'])('is told what %s does', (command) => {
    const { scripts } = JSON.parse(read('package.json'));
    const [program] = /node test\/\S+\.ts$/.exec(scripts[command.slice('npm run '.length)]) ?? [];

    expect(outputOf(`${program} --help`)).toContain(command);
  });

  it('finds each part of npm run bench that a page names', () => {
    const help = outputOf('node test/bench/run.ts --help');
    const named = PAGES.flatMap(commandsOf).flatMap(
      ({ text }) => /^npm run bench -- (\w+)/.exec(text)?.slice(1) ?? [],
    );

    expect(named.filter((part) => !help.includes(part))).toEqual([]);
    expect(named).not.toEqual([]);
  });
});

describe('an operator', { timeout: 300_000 }, () => {
  it('runs wrangler by npx, or on any Node by npm', () => {
    const { version } = JSON.parse(read('node_modules/wrangler/package.json'));

    expect(outputOf('npx wrangler --version')).toContain(version);
    expect(outputOf('npm run -s wrangler -- --version')).toContain(version);
  });

  it.each([...WRANGLER])(
    'finds each option of wrangler %s that a page names',
    (command, options) => {
      const help = outputOf(`wrangler ${command} --help`);

      expect(options.filter((option) => !new RegExp(`${option}\\b`).test(help))).toEqual([]);
    },
  );

  it('makes a secret that is long enough', () => {
    const JWT_SECRET = outputOf('openssl rand -base64 48').trim();

    expect(readSettings({ JWT_SECRET }).keys.kind).toBe('secret');
  });

  const ask = shellBlocksOf(sectionOf(OPERATING, 'Ask the log')).join('\n');
  const page = read(OPERATING);
  const queries = new Set(
    commandsOf(OPERATING).flatMap(({ text }) => (text.startsWith('logs ') ? [text] : [])),
  );

  it.each([...queries])('asks the log for fields and words that it has: %s', (query) => {
    const { url, data } = sentBy(
      `${ask.replaceAll(/<[^>]+>/g, 'x')}\n${query.replaceAll(/<[^>]+>/g, 'x')}`,
    );

    expect(url).toBe(
      'https://api.cloudflare.com/client/v4/accounts/x/workers/observability/telemetry/query',
    );
    const [service, ...filters] = data.parameters.filters;
    expect(service).toEqual({
      key: '$metadata.service',
      operation: 'eq',
      type: 'string',
      value: 'run-evaluation',
    });
    const words = query
      .split(' ')
      .slice(1)
      .map((word) => word.replaceAll(/<[^>]+>/g, 'x'));
    expect(filters).toHaveLength(Math.floor(words.length / 3));
    for (const { key, value, type } of filters) {
      expect(page).toContain(`\`${key}\``);
      if (type === 'string' && key !== 'request_id') expect(page).toContain(`\`${value}\``);
    }
  });

  it('pastes a rule against a flood of bad tokens that is JSON, and says the same as the page does in words', () => {
    const section = sectionOf(OPERATING, 'A flood of bad tokens');

    const { url, data } = sentBy(`ZONE=zone\n${shellBlocksOf(section).join('\n')}`);

    expect(url).toBe(
      'https://api.cloudflare.com/client/v4/zones/zone/rulesets/phases/http_ratelimit/entrypoint/rules',
    );
    expect(section).toContain(`Expression (requests):   ${data.expression}\n`);
    expect(section).toContain(`Counting expression:     ${data.ratelimit.counting_expression}\n`);
    const { requests_per_period, period, mitigation_timeout } = data.ratelimit;
    expect(section).toContain(`${requests_per_period} requests in ${period} seconds`);
    expect(section).toContain(`${mitigation_timeout} seconds, status 429`);
  });

  it('erases an account, and nothing of another', () => {
    const { account } = SAMPLE;
    const execute = (sql: string) => {
      const results = JSON.parse(
        outputOf(`wrangler d1 execute DB --local --json --command "${sql}"`),
      );
      return results.at(-1).results;
    };
    const isOf = (row: string) =>
      `iif(account_id = '${account}', 'its', 'of others') AS whose, '${row}' AS row`;
    const counts = TABLES.map(
      (table) => `SELECT ${isOf(table)}, count(*) AS count FROM ${table} GROUP BY 1`,
    ).join(' UNION ALL ');
    outputOf('npm run migrate');
    outputOf('wrangler d1 execute DB --local --file src/cli/sample.sql');
    const before = execute(`UPDATE run_evaluation SET value = 1; ${counts}`);

    const [erase = ''] = shellBlocksOf(sectionOf(OPERATING, 'Erase an account'));
    outputOf(erase.replace('--remote', '--local').replaceAll('<account>', account));

    const others = before.filter(({ whose }: { whose: string }) => whose === 'of others');
    expect(others.length).toBeGreaterThan(2);
    expect(before.length).toBeGreaterThan(others.length + 2);
    expect(execute(counts)).toEqual(others);
  });
});
