/** The pages: every link, command and test file that they name exists, and the README stays short. */
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Command,
  commandsOf,
  exampleOf,
  FILES,
  PAGES,
  read,
  withoutCodeBlocks,
} from './pages.ts';

const README_MAX_BYTES = 12_000;
const README_MAX_LINES = 180;

/**
 * Which file executes a command, and how it is written there if not as in the pages. What is executed without --remote
 * counts for the same command with it.
 */
const EXECUTED: readonly (readonly [command: string | RegExp, file: string, as?: string])[] = [
  ['npm ci', '.ci/run'],
  ['npm run lint', '.ci/run'],
  ['npm run types', '.ci/run'],
  ['npm run sql -- --check', '.ci/run'],
  ['npm run openapi -- --check', '.ci/run'],
  ['npm test', '.ci/run'],
  ['npm run test:browser', '.ci/run'],
  ['npm run test:clients', '.ci/run'],
  [
    'SCREENSHOTS=<folder> npm run test:browser',
    '.ci/run',
    'SCREENSHOTS=.wrangler/screenshots npm run test:browser',
  ],
  [
    'apt-get install --no-install-recommends chromium fonts-dejavu-core',
    '.ci/run',
    'apt-get install --yes --no-install-recommends chromium fonts-dejavu-core',
  ],
  ['npm start', 'test/node/newcomer.test.ts', "spawn('npm', ['start', "],
  [
    'npm start -- --port 8788',
    'test/node/newcomer.test.ts',
    "spawn('npm', ['start', '--', '--port', ",
  ],
  ['npm run token', 'test/node/newcomer.test.ts', 'npm run -s token'],
  ['npm run token -- --help', 'test/node/newcomer.test.ts', 'npm run -s token -- --help'],
  ['npm run sql', 'test/node/commands.test.ts'],
  ['npm run openapi', 'test/node/commands.test.ts'],
  ['npm run cf-typegen', 'test/node/commands.test.ts'],
  ['npm run migration -- --name verb_noun', 'test/node/commands.test.ts'],
  ['npm run migration -- --custom --name verb_noun', 'test/node/commands.test.ts'],
  ['npm test -- test/label.test.ts', 'test/node/commands.test.ts'],
  ['npm run check:random', 'test/node/commands.test.ts'],
  ['npm run soak', 'test/node/commands.test.ts'],
  ['npm run bench', 'test/node/commands.test.ts'],
  [
    /^npm run bench -- \w/,
    'test/node/commands.test.ts',
    'finds each part of npm run bench that a page names',
  ],
  ['wrangler check startup', 'test/bench/startup.ts', "['check', 'startup', "],
  ['npx wrangler', 'test/node/commands.test.ts', 'npx wrangler --version'],
  ['npm run wrangler', 'test/node/commands.test.ts', 'npm run -s wrangler -- --version'],
  ['openssl rand -base64 48', 'test/node/commands.test.ts'],
  [/^logs \w/, 'test/node/commands.test.ts', 'it.each([...queries])'],
  [
    /^npx wrangler d1 execute DB /,
    'test/node/commands.test.ts',
    "sectionOf(OPERATING, 'Erase an account')",
  ],
  ['npm run migrate', 'test/node/commands.test.ts'],
];

/** What cannot be executed here, and so has to be marked. */
const NEEDS_ACCOUNT = [
  /^npx wrangler (?:login|tail|rollback|secret put|d1 create|d1 time-travel (?:info|restore))\b/,
  /^npm run deploy(?::staging)?$/,
  /^curl .*https:\/\/(?:api\.cloudflare\.com|run-evaluation\.<your subdomain>\.workers\.dev)\//,
  /^gh /,
  /^kubectl /,
];
const NEEDS_NETWORK = [
  /^rm -r node_modules package-lock\.json$/,
  /^npm install --package-lock-only$/,
  /^apt-get install valgrind$/,
];

/** The README's example is executed as a whole, by newcomer.test.ts. */
const EXAMPLE = exampleOf(read('README.md')).split('\n');

const SCRIPTS: { readonly [name: string]: string } = JSON.parse(read('package.json')).scripts;

const withoutRemote = (command: string) => command.replace(/ --remote\b/, '').replace(/ --$/, '');

const rowOf = (command: string) =>
  EXECUTED.find(([text]) => (typeof text === 'string' ? text === command : text.test(command)));

function isExecuted(command: string): boolean {
  if (rowOf(withoutRemote(command))) return true;
  const [, name = ''] = /^npm run ([\w:-]+)$/.exec(command) ?? [];
  const parts = SCRIPTS[name]?.split(' && ') ?? [];
  return parts.length > 1 && parts.every(isExecuted);
}

/** What to do about a command; undefined if nothing. */
function faultOf({ page, text, isMarked }: Command): string | undefined {
  if (EXAMPLE.includes(text) || isExecuted(text)) return undefined;
  if (![...NEEDS_ACCOUNT, ...NEEDS_NETWORK].some((pattern) => pattern.test(text))) {
    return `${page}: no test executes \`${text}\`. Execute it in one, or in .ci/run (of a slow program --help, in the list "is told what %s does" of test/node/commands.test.ts), and add ['${text}', '<that file>'] to EXECUTED in test/node/pages.test.ts.`;
  }
  return isMarked
    ? undefined
    : `${page}: \`${text}\` is executed by no test. Say beside it "needs a Cloudflare account" ("an account", "the network").`;
}

const exists = (path: string) => FILES.some((file) => file === path || file.startsWith(`${path}/`));

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string) =>
  [...withoutCodeBlocks(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** The links of a page that do not leave the project, each as written, with the path and the anchor that it leads to. */
const linksOf = (page: string) =>
  [...withoutCodeBlocks(read(page)).matchAll(/\]\((?!https?:)([^)]*)\)/g)].map(([, link = '']) => {
    const [relative = '', anchor] = link.split('#');
    return {
      link,
      path: relative === '' ? page : posix.join(posix.dirname(page), relative),
      anchor,
    };
  });

describe('README.md', () => {
  it(`is at most ${README_MAX_BYTES} bytes and ${README_MAX_LINES} lines long`, () => {
    const readme = read('README.md');
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(README_MAX_BYTES);
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(README_MAX_LINES);
  });

  it('has no comment to paste that opens a quote: a shell without comments at its prompt, as zsh, would wait for its end', () => {
    const isOpen = (line: string) =>
      [`'`, '"', '`'].some((quote) => line.split(quote).length % 2 === 0);
    expect(EXAMPLE.filter((line) => line.startsWith('#') && isOpen(line))).toEqual([]);
  });
});

describe.each(PAGES)('%s', (page) => {
  it('links to files, folders and headings that exist', () => {
    const broken = linksOf(page).filter(
      ({ path, anchor }) =>
        !exists(path) || (anchor !== undefined && !anchorsOf(read(path)).includes(anchor)),
    );
    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const named = [...read(page).matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)];
    const names = named.map(([, run, own]) => run ?? own ?? '');
    expect(names.filter((name) => !(name in SCRIPTS))).toEqual([]);
  });

  it('names commands that a test executes, or says that they need an account or the network', () => {
    expect(
      commandsOf(page)
        .map(faultOf)
        .filter((fault) => fault !== undefined),
    ).toEqual([]);
  });
});

describe('the commands that are executed', () => {
  it.each(EXECUTED.map(([command, file, as]) => ({ command, file, text: as ?? String(command) })))(
    'are in their file: $command',
    ({ file, text }) => {
      expect(read(file)).toContain(text);
    },
  );

  it.each(EXECUTED.map(([command]) => command))('are in a page: %s', (command) => {
    const texts = PAGES.flatMap(commandsOf).map(({ text }) => withoutRemote(text));
    const parts = Object.values(SCRIPTS).flatMap((script) => script.split(' && '));
    const isNamed = (text: string) =>
      typeof command === 'string' ? text === command : command.test(text);
    expect([...texts, ...parts].some(isNamed)).toBe(true);
  });
});

describe('test/README.md', () => {
  it('says of each test file what it shows, and of no other', () => {
    const rows = read('test/README.md').matchAll(/^\| \[[^\]]+\]\(([^)]+\.test\.ts)\) \|/gm);
    const named = [...rows].map(([, path = '']) => posix.join('test', path));
    expect(named.sort()).toEqual(FILES.filter((file) => /^test\/.*\.test\.ts$/.test(file)).sort());
  });
});
