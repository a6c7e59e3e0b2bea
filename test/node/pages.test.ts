/**
 * Tests the pages (`*.md`): their links, their commands (test/README.md) and the length of the
 * README.
 */
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Command,
  FILES,
  listCommands,
  listCommandsIn,
  listShellBlocks,
  PAGES,
  read,
  readExample,
  readSection,
  removeCodeBlocks,
} from './pages.ts';

const README_MAX_BYTES = 12_000;
const README_MAX_LINES = 180;

const COMMANDS = 'test/setup/commands.test.ts';
const NEWCOMER = 'test/setup/newcomer.test.ts';

/**
 * Each row has a command of a page, and the file that executes it. `as` is the text of the command
 * in the file, if it differs.
 */
const EXECUTED: readonly (readonly [command: string | RegExp, file: string, as?: string])[] = [
  ['npm ci', '.ci/run'],
  ['npm run lint', '.ci/run'],
  ['npm run types', '.ci/run'],
  ['npm run sql -- --check', '.ci/run'],
  ['npm run openapi -- --check', '.ci/run'],
  ['npm test', '.ci/run'],
  ['npm run check:setup', '.ci/run'],
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
  [
    'apt-get install --no-install-recommends python3-requests',
    '.ci/run',
    'apt-get install --yes --no-install-recommends python3-requests',
  ],
  ['npm start', NEWCOMER, "startChild(place, 'npm', 'start', "],
  ['npm start -- --port 8788', NEWCOMER, "startChild(place, 'npm', 'start', '--', '--port', "],
  ['npm run token', NEWCOMER, 'npm run -s token'],
  ['npm run token -- --help', NEWCOMER, 'npm run -s token -- --help'],
  ['npm run sql', COMMANDS],
  ['npm run openapi', COMMANDS],
  ['npm run cf-typegen', COMMANDS],
  ['npm run migration -- --name verb_noun', COMMANDS],
  ['npm run migration -- --custom --name verb_noun', COMMANDS],
  ['npm test -- test/label.test.ts', COMMANDS],
  ['npm run check:objects', '.ci/run'],
  ['npm run check:random', COMMANDS],
  ['npm run soak', COMMANDS],
  ['npm run simulate', COMMANDS],
  [/^npm run simulate -- --/, '.ci/run', 'npm run simulate -- --seed 1 --operations 1000000'],
  ['npm run bench', COMMANDS],
  [/^npm run bench -- \w/, COMMANDS, 'npm run bench has each part that a page names'],
  ['npx wrangler', COMMANDS, 'npx wrangler --version'],
  ['npm run wrangler', COMMANDS, 'npm run -s wrangler -- --version'],
  ['openssl rand -base64 48', COMMANDS],
  [/^logs \w/, COMMANDS, 'it.each([...queries])'],
  [/^npx wrangler d1 execute DB /, COMMANDS, "readSection(OPERATING, 'Erase an account')"],
  ['npm run migrate', COMMANDS],
];

/**
 * Each row has a section of a page, and the test file that executes the section's `sh` blocks
 * unchanged.
 */
const EXECUTED_AS_PASTED: readonly (readonly [
  page: string,
  heading: string,
  file: string,
  call: string,
])[] = [
  ['README.md', 'Use', NEWCOMER, "readExample(read('README.md'))"],
  ['README.md', 'Links', NEWCOMER, "readExample(read('README.md'))"],
  ...['Ask the log', 'A flood of bad tokens'].map(
    (heading) =>
      ['.github/OPERATING.md', heading, COMMANDS, `readSection(OPERATING, '${heading}')`] as const,
  ),
];

/**
 * Commands that no test can execute: they need an account or the network, or change the machine.
 */
const UNTESTABLE = [
  /^npx wrangler (?:login|tail|rollback|secret put|d1 create|d1 time-travel (?:info|restore))\b/,
  /^npm run deploy(?::staging)?$/,
  /^curl .*https:\/\/run-evaluation\.<your subdomain>\.workers\.dev\//,
  /^(?:gh|kubectl|aws) /,
  /^rm -r node_modules package-lock\.json$/,
  /^npm install --package-lock-only$/,
  /^apt-get install valgrind$/,
];

const SCRIPTS: { readonly [name: string]: string } = JSON.parse(read('package.json')).scripts;

const removeRemote = (command: string) => command.replace(/ --remote\b/, '').replace(/ --$/, '');

const findRow = (command: string) =>
  EXECUTED.find(([text]) => (typeof text === 'string' ? text === command : text.test(command)));

function isExecuted(command: string): boolean {
  if (findRow(removeRemote(command))) return true;
  const [, name = ''] = /^npm run ([\w:-]+)$/.exec(command) ?? [];
  const parts = SCRIPTS[name]?.split(' && ') ?? [];
  return parts.length > 1 && parts.every(isExecuted);
}

/** Tells how to correct the page or the tests. Returns undefined if the command has no fault. */
function describeFault({ page, text, isMarked }: Command): string | undefined {
  if (isExecuted(text)) return undefined;
  if (!UNTESTABLE.some((pattern) => pattern.test(text))) {
    return `${page}: no test executes \`${text}\`. Execute it in ${COMMANDS} (a slow program in the list "%s says with --help what it does") or in .ci/run, and add ['${text}', '<that file>'] to EXECUTED in test/node/pages.test.ts.`;
  }
  return isMarked
    ? undefined
    : `${page}: no test executes \`${text}\`. Say in its section "needs a Cloudflare account" ("an account", "the network").`;
}

function listFaults(page: string, text = read(page)): string[] {
  const pasted = EXECUTED_AS_PASTED.filter(([of]) => of === page).flatMap(([of, heading]) =>
    listShellBlocks(readSection(of, heading)),
  );
  const rest = pasted.reduce((left, block) => left.replace(block, ''), text);
  return listCommandsIn(page, rest).flatMap((command) => describeFault(command) ?? []);
}

const exists = (path: string) => FILES.some((file) => file === path || file.startsWith(`${path}/`));

/** Lists the anchors that GitHub gives to the headings of a page. */
const listAnchors = (page: string) =>
  [...removeCodeBlocks(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

const listLinks = (page: string) =>
  [...removeCodeBlocks(read(page)).matchAll(/\]\((?!https?:)([^)]*)\)/g)].map(([, link = '']) => {
    const [relative = '', anchor] = link.split('#');
    return {
      link,
      path: relative === '' ? page : posix.join(posix.dirname(page), relative),
      anchor,
    };
  });

describe('README.md', () => {
  it(`README.md is at most ${README_MAX_BYTES} bytes and ${README_MAX_LINES} lines long`, () => {
    const readme = read('README.md');
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(README_MAX_BYTES);
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(README_MAX_LINES);
  });

  it('no comment in the README example has an unpaired quote, which would make zsh wait for its end', () => {
    const isOpen = (line: string) =>
      [`'`, '"', '`'].some((quote) => line.split(quote).length % 2 === 0);
    const example = readExample(read('README.md')).split('\n');
    expect(example.filter((line) => line.startsWith('#') && isOpen(line))).toEqual([]);
  });
});

describe.each(PAGES)('the page %s', (page) => {
  it(`every link of ${page} leads to a file, a folder or a heading that exists`, () => {
    const broken = listLinks(page).filter(
      ({ path, anchor }) =>
        !exists(path) || (anchor !== undefined && !listAnchors(read(path)).includes(anchor)),
    );
    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it(`every npm script that ${page} names exists`, () => {
    const named = [...read(page).matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)];
    const names = named.map(([, run, own]) => run ?? own ?? '');
    expect(names.filter((name) => !(name in SCRIPTS))).toEqual([]);
  });

  it(`each command of ${page} has a test that executes it, or a mark that it needs an account or the network`, () => {
    expect(listFaults(page)).toEqual([]);
  });
});

describe('the check of commands', () => {
  it.each([
    ['```sh\nmake all\n```', 'make all'],
    ['```sh\nnpm test # quick\nnpm ci && sh it.sh\n```', 'sh it.sh'],
    ['```\nnpm run other\n```', 'npm run other'],
    ['Run `npm start -- --prot 1`.', 'npm start -- --prot 1'],
    ['Run `npx wrangler login`.', 'npx wrangler login'],
    ['# Page\n## One\nIt needs an account.\n## Two\n`npm run deploy`', 'npm run deploy'],
  ])('refuses a command without a test and without a mark: %j', (text, command) => {
    expect(listFaults('x.md', text)).toEqual([expect.stringContaining(`executes \`${command}\`.`)]);
  });

  it.each([
    '```sh\n# nothing but a comment\nnpm ci && npm start   # serve\n```',
    'Run `npx wrangler login`, which needs a Cloudflare account.',
    'It needs the network.\n## One\n`npm install --package-lock-only`',
    '```ts\nconst npm = 1;\n```\n`a && b`',
  ])('accepts commands with a test, and commands with a mark: %j', (text) => {
    expect(listFaults('x.md', text)).toEqual([]);
  });
});

const joinLines = (text: string) => text.replaceAll(/\s+/g, ' ');

describe('the table of executed commands', () => {
  it.each(EXECUTED.map(([command, file, as]) => ({ command, file, text: as ?? String(command) })))(
    'the file in the row of a command executes it: $command',
    ({ file, text }) => {
      // The formatter may have broken a command into several lines.
      expect(joinLines(read(file))).toContain(text);
    },
  );

  it.each(EXECUTED_AS_PASTED)(
    '%s, section "%s": %s executes the blocks that the reader pastes',
    (page, heading, file, call) => {
      expect(listShellBlocks(readSection(page, heading))).not.toEqual([]);
      expect(joinLines(read(file))).toContain(call);
    },
  );

  it.each(EXECUTED.map(([command]) => command))(
    'each command of the table is on a page or in a script: %s',
    (command) => {
      const texts = PAGES.flatMap(listCommands).map(({ text }) => removeRemote(text));
      const parts = Object.values(SCRIPTS).flatMap((script) => script.split(' && '));
      const isNamed = (text: string) =>
        typeof command === 'string' ? text === command : command.test(text);
      expect([...texts, ...parts].some(isNamed)).toBe(true);
    },
  );
});

describe('test/README.md', () => {
  it('test/README.md has each test file under one topic, and no other file', () => {
    const table = readSection('test/README.md', 'The tests by topic').matchAll(/\]\(([^)]+)\)/g);
    const named = [...table].map(([, path = '']) => posix.join('test', path));
    expect(named.sort()).toEqual(FILES.filter((file) => /^test\/.*\.test\.ts$/.test(file)).sort());
  });
});
