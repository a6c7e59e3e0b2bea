/** The pages: every link, command and test file that they name exists, and the README stays short. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';

const README_MAX_BYTES = 12_000;
const README_MAX_LINES = 180;

const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .trim()
  .split('\n');
const PAGES = FILES.filter((file) => file.endsWith('.md'));

const exists = (path: string) => FILES.some((file) => file === path || file.startsWith(`${path}/`));
const read = (file: string) => readFileSync(file, 'utf8');
const withoutCodeBlocks = (page: string) => page.replaceAll(/^```.*?^```$/gms, '');

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
    return { link, path: relative === '' ? page : posix.join(posix.dirname(page), relative), anchor };
  });

describe('README.md', () => {
  it(`is at most ${README_MAX_BYTES} bytes and ${README_MAX_LINES} lines long`, () => {
    const readme = read('README.md');
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(README_MAX_BYTES);
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(README_MAX_LINES);
  });
});

describe.each(PAGES)('%s', (page) => {
  it('links to files, folders and headings that exist', () => {
    const broken = linksOf(page).filter(
      ({ path, anchor }) => !exists(path) || (anchor !== undefined && !anchorsOf(read(path)).includes(anchor)),
    );
    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = [...read(page).matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)];
    const names = named.map(([, run, own]) => run ?? own ?? '');
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('test/README.md', () => {
  it('says of each test file what it shows, and of no other', () => {
    const rows = read('test/README.md').matchAll(/^\| \[[^\]]+\]\(([^)]+\.test\.ts)\) \|/gm);
    const named = [...rows].map(([, path = '']) => posix.join('test', path));
    expect(named.sort()).toEqual(FILES.filter((file) => /^test\/.*\.test\.ts$/.test(file)).sort());
  });
});
