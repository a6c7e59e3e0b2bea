/** Tests the style of docstrings and commit subjects, as far as a machine can check it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FILES, read } from './pages.ts';

const FRAGMENT_WORDS =
  'Of What Who Whoever Whether Whatever As That Those None Nothing By For In On To'.split(' ');
const FRAGMENT = new RegExp(`^(?:${FRAGMENT_WORDS.join('|')})\\b`);

const CODES = [...read('src/failure.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => code);

const listDocstrings = (text: string) =>
  [...text.matchAll(/^[ \t]*\/\*\*(\s.*?)\*\//gms)].map(([, doc = '']) =>
    doc.replaceAll(/\s*\n\s*(?:\* ?)?/g, ' ').trim(),
  );

const hasCode = (thrown: string) =>
  [...thrown.matchAll(/`(\w+)`/g)].some(([, word]) => CODES.includes(word));

const listFaults = (text: string) =>
  listDocstrings(text).flatMap((doc) => [
    ...(FRAGMENT.test(doc) ? [`begins as a fragment: ${doc.slice(0, 60)}`] : []),
    ...doc
      .split(/(?<!`)@throws {Failure}/)
      .slice(1)
      .filter((rest) => !hasCode(rest.split(/ @[a-z]/, 1)[0] ?? ''))
      .map((rest) => `@throws names no failure code:${rest.slice(0, 60)}`),
  ]);

const OWN = FILES.filter(
  (file) => /^(?:src|test)\/.*\.[jt]s$/.test(file) && !/\.generated\.ts$|\/env\.d\.ts$/.test(file),
);

it.each(OWN)('no docstring of %s is a fragment, and each @throws names a failure code', (file) => {
  expect(listFaults(read(file))).toEqual([]);
});

describe('the check of docstrings', () => {
  it.each([
    ...FRAGMENT_WORDS.map((word) => [
      `/** ${word} a row. */`,
      `begins as a fragment: ${word} a row`,
    ]),
    ['  /**\n   * Whether\n   * it matches.\n   */', 'begins as a fragment: Whether it matches.'],
    ['/** Reads. @throws {Failure} saying why */', '@throws names no failure code: saying why'],
    [
      '/**\n * @throws {Failure} `not_a_code`.\n */',
      '@throws names no failure code: `not_a_code`.',
    ],
    [
      '/**\n * @throws {Failure} for an id.\n * @throws {Error} `malformed`\n */',
      '@throws names no failure code: for an id.',
    ],
  ])('refuses %j', (text, fault) => {
    expect(listFaults(text)).toEqual([expect.stringContaining(fault)]);
  });

  it.each([
    '/** Offers a place. */\n/** Formats a time. */\n/** Inserts a row. */',
    ...['// ', '/* '].map((opening) => `${opening}On a comment that is no docstring */`),
    '/**\n * Reads the row.\n *\n * @throws {Failure} if the row\n * is gone, `not_found`.\n */',
    '/** @throws {Error} with the output */',
  ])('accepts %j', (text) => {
    expect(listFaults(text)).toEqual([]);
  });
});

const SUBJECT = /^[a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*: (?!(?:hold|say|let)\b)\S/i;

const isSubject = (subject: string) => subject.length <= 72 && SUBJECT.test(subject);

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();

/** Returns the subjects of all commits after the commit that added this file. */
function readNewSubjects(): string[] {
  const added = git('log', '--diff-filter=A', '--format=%H', '-1', '--', import.meta.filename);
  const subjects = git('log', '--no-merges', '--format=%s', `${added}..HEAD`);
  return subjects === '' ? [] : subjects.split('\n');
}

describe('commit subjects', () => {
  // A copy of the project without its history, such as an archive, has no commits to check.
  it('each new commit has a subject of the form "area: what changes"', () => {
    const subjects = existsSync('.git') ? readNewSubjects() : [];
    expect(subjects.filter((subject) => !isSubject(subject))).toEqual([]);
  });

  it.each([
    'Name the area',
    'test: hold the order of pages',
    'docs: Say what a link costs',
    'http: let a caller disconnect',
    `test: ${'x'.repeat(67)}`,
    'test:no space',
  ])('refuses the commit subject: %s', (subject) => {
    expect(isSubject(subject)).toBe(false);
  });

  it.each([
    'auth: accept tokens that carry a nonce',
    'auth, label: rewrite the hard sentences',
    'db: letter',
    `test: ${'x'.repeat(66)}`,
  ])('accepts the commit subject: %s', (subject) => {
    expect(isSubject(subject)).toBe(true);
  });
});
