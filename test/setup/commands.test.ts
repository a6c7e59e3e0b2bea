/** Runs the commands that the project's pages show and that no other test runs. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { SAMPLE } from '../../src/cli/mint.ts';
import { readSettings } from '../../src/settings.ts';
import { FILES, listCommands, listShellBlocks, PAGES, read, readSection } from '../node/pages.ts';
import { cloneProject } from './clone.ts';

const { folder, readOutput, remove } = cloneProject();
afterAll(remove);

const OPERATING = '.github/OPERATING.md';
const readFromClone = (file: string) => readFileSync(join(folder, file), 'utf8');

const TABLES = [...read('drizzle/0000_create_tables.sql').matchAll(/CREATE TABLE `(\w+)`/g)].map(
  ([, name = '']) => name,
);

/** The wrangler commands that need a Cloudflare account, each with the options that the README files show. */
const WRANGLER_COMMANDS = [
  ['tail'],
  ['rollback'],
  ['secret put'],
  ['d1 create'],
  ['d1 time-travel info'],
  ['d1 time-travel restore'],
].map(([name = '']): [string, string[]] => {
  const used = PAGES.flatMap(listCommands).filter(({ text }) => text.includes(`wrangler ${name}`));
  return [
    name,
    used.flatMap(
      ({ text }) => text.replaceAll(/'[^']*'|"[^"]*"/g, '').match(/--[a-z][\w-]*/g) ?? [],
    ),
  ];
});

/** Runs a script with a fake `curl`. Returns the URL and the JSON body for `curl`. */
async function readCurlRequest(script: string) {
  const bin = join(folder, '.stand-ins');
  mkdirSync(bin, { recursive: true });
  for (const [name, program] of Object.entries({ curl: `printf '%s\\n--\\n' "$@"`, jq: 'cat' })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${program}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const args = (await readOutput(`PATH=${bin}:$PATH\n${script}`)).split('\n--\n');
  return {
    url: args.find((arg) => arg.startsWith('https:')),
    data: JSON.parse(args[args.indexOf('-d') + 1] ?? ''),
  };
}

describe('a contributor', () => {
  it.each([
    ['npm run sql', readdirSync('src').map((name) => `src/${name}/sql.generated.ts`)],
    ['npm run openapi', ['src/openapi.generated.json']],
    ['npm run cf-typegen', ['src/env.d.ts']],
  ])('%s changes nothing in a clean clone', async (command, files) => {
    await readOutput(command);

    const written = files.filter((file) => FILES.includes(file));
    expect(written.length).toBeGreaterThan(0);
    expect(written.map(readFromClone)).toEqual(written.map(read));
  });

  it('npx wrangler types and npx wrangler deploy --dry-run leave lint and types passing, and src/env.d.ts unchanged', async () => {
    await readOutput('npx wrangler types');
    await readOutput('npx wrangler deploy --dry-run');

    await readOutput('npm run lint && npm run types');
    expect(readFromClone('src/env.d.ts')).toBe(read('src/env.d.ts'));
  });

  it('npm run migration writes a migration for a change of the schema, and an empty one with --custom', async () => {
    const copy = cloneProject();
    onTestFinished(copy.remove);
    const table = "\nexport const example = sqliteTable('example', { id: text().primaryKey() });\n";
    appendFileSync(join(copy.folder, 'src/db/schema.ts'), table);

    await copy.readOutput('npm run migration -- --name verb_noun');
    await copy.readOutput('npm run migration -- --custom --name verb_noun');

    const drizzle = join(copy.folder, 'drizzle');
    const written = readdirSync(drizzle).filter((name) => name.endsWith('_verb_noun.sql'));
    expect(written.map((name) => readFileSync(join(drizzle, name), 'utf8').trim())).toEqual([
      'CREATE TABLE `example` (\n\t`id` text PRIMARY KEY NOT NULL\n);',
      '-- Custom SQL migration file, put your code below! --',
    ]);
  });

  it('npm test with the name of a file runs only the tests of that file, with any settings in .dev.vars', async () => {
    writeFileSync(
      join(folder, '.dev.vars'),
      'JWT_JWKS_URL=https://issuer.example\nACCOUNT_OBJECTS=*\n',
    );
    onTestFinished(() => rmSync(join(folder, '.dev.vars')));

    expect(await readOutput('npm test -- test/label.test.ts')).toMatch(/Test Files .*1 passed/);
  });

  it('npm run check:random selects the property tests and the write model', async () => {
    expect(await readOutput("npm run check:random -- --testNamePattern 'of no name'")).toMatch(
      /Test Files .*5 skipped/,
    );
  });

  it.each(['npm run soak', 'npm run simulate', 'npm run bench'])(
    '%s says with --help what it does',
    async (command) => {
      const { scripts } = JSON.parse(read('package.json'));
      const [program] = /node test\/\S+\.ts$/.exec(scripts[command.slice('npm run '.length)]) ?? [];

      expect(await readOutput(`${program} --help`)).toContain(command);
    },
  );

  it('npm run bench has each part that a page names', async () => {
    const help = await readOutput('node test/bench/run.ts --help');
    const named = PAGES.flatMap(listCommands).flatMap(
      ({ text }) => /^npm run bench -- (\w+)/.exec(text)?.slice(1) ?? [],
    );

    expect(named.filter((part) => !help.includes(part))).toEqual([]);
    expect(named).not.toEqual([]);
  });
});

describe('an operator', () => {
  it('npx wrangler and npm run wrangler run the wrangler that is installed', async () => {
    const { version } = JSON.parse(read('node_modules/wrangler/package.json'));

    expect(await readOutput('npx wrangler --version')).toContain(version);
    expect(await readOutput('npm run -s wrangler -- --version')).toContain(version);
  });

  it.each(WRANGLER_COMMANDS)(
    'wrangler %s has each option that a page names',
    async (command, options) => {
      const help = await readOutput(`wrangler ${command} --help`);

      expect(options.filter((option) => !new RegExp(`${option}\\b`).test(help))).toEqual([]);
    },
  );

  it('openssl rand -base64 48 makes a secret that is long enough', async () => {
    const JWT_SECRET = (await readOutput('openssl rand -base64 48')).trim();

    expect(readSettings({ JWT_SECRET }).keys.kind).toBe('secret');
  });

  const logsFunction = listShellBlocks(readSection(OPERATING, 'Ask the log')).join('\n');
  const page = read(OPERATING);
  const queries = new Set(
    listCommands(OPERATING).flatMap(({ text }) => (text.startsWith('logs ') ? [text] : [])),
  );

  it.each([...queries])(
    'a query of the log names only fields and words that the page lists: %s',
    async (query) => {
      const { url, data } = await readCurlRequest(
        `${logsFunction.replaceAll(/<[^>]+>/g, 'x')}\n${query.replaceAll(/<[^>]+>/g, 'x')}`,
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
    },
  );

  it('the rule against a flood of bad tokens is JSON and agrees with the words of its page', async () => {
    const section = readSection(OPERATING, 'A flood of bad tokens');

    const { url, data } = await readCurlRequest(
      `ZONE=zone\n${listShellBlocks(section).join('\n')}`,
    );

    expect(url).toBe(
      'https://api.cloudflare.com/client/v4/zones/zone/rulesets/phases/http_ratelimit/entrypoint/rules',
    );
    expect(section).toContain(`Expression (requests):   ${data.expression}\n`);
    expect(section).toContain(`Counting expression:     ${data.ratelimit.counting_expression}\n`);
    const { requests_per_period, period, mitigation_timeout } = data.ratelimit;
    expect(section).toContain(`${requests_per_period} requests in ${period} seconds`);
    expect(section).toContain(`${mitigation_timeout} seconds, status 429`);
  });

  it('the commands that erase an account erase all of it, and nothing of another account', async () => {
    const { account } = SAMPLE;
    const execute = async (sql: string) => {
      const results = JSON.parse(
        await readOutput(`wrangler d1 execute DB --local --json --command "${sql}"`),
      );
      return results.flatMap(({ results: rows }: { results: object[] }) => rows);
    };
    const selectOwner = (row: string) =>
      `iif(account_id = '${account}', 'its', 'of others') AS whose, '${row}' AS row`;
    const counts = TABLES.map(
      (table) => `SELECT ${selectOwner(table)}, count(*) AS count FROM ${table} GROUP BY 1`,
    ).join('; ');
    await readOutput('npm run migrate');
    await readOutput('wrangler d1 execute DB --local --file src/cli/sample.sql');
    const before = await execute(`UPDATE run_evaluation SET value = 1; ${counts}`);

    const [erase = ''] = listShellBlocks(readSection(OPERATING, 'Erase an account'));
    await readOutput(erase.replace('--remote', '--local').replaceAll('<account>', account));

    const others = before.filter(({ whose }: { whose: string }) => whose === 'of others');
    expect(others.length).toBeGreaterThan(2);
    expect(before.length).toBeGreaterThan(others.length + 2);
    expect(await execute(counts)).toEqual(others);
  });
});
