/**
 * Tests that the committed OpenAPI document matches the code, the READMEs and the deployed rate
 * limit. A linter also checks the document.
 */
import { execFileSync } from 'node:child_process';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, it } from 'vitest';
import { unstable_readConfig } from 'wrangler';
import { read } from './pages.ts';

const committed = read('src/openapi.generated.json');

it('the committed document is the one that the code generates', () => {
  expect(execFileSync('node', ['src/cli/openapi.ts', '--check'], { encoding: 'utf8' })).toBe('');
});

type Documented = { readonly operationId: string; readonly responses: object };
const documented: Documented[] = Object.values<object>(JSON.parse(committed).paths)
  .flatMap((methods) => Object.values(methods))
  .filter((operation) => 'operationId' in operation);

it('the README lists every operation of the document, and no other', () => {
  const rows = [...read('README.md').matchAll(/^\| `[A-Z]+ \/\S+` (\w+) \|/gm)];

  expect(rows.map(([, name]) => name).sort()).toEqual(
    documented.map(({ operationId }) => operationId).sort(),
  );
});

it('src/evaluation/README.md lists the 4xx statuses of each operation on evaluations as the document does', () => {
  const rows = [
    ...read('src/evaluation/README.md').matchAll(/^\| (\w+(?:, \w+)*) \| ([\d ]+) \|$/gm),
  ];
  const listed = rows.flatMap(([, names = '', codes = '']) =>
    names.split(', ').map((name) => [name, codes.split(' ')]),
  );

  const refusals = documented
    .filter(({ operationId }) => /Evaluations?(?:ByPost)?$|ReplacedValues$/.test(operationId))
    .map(({ operationId, responses }) => [
      operationId,
      Object.keys(responses).filter((code) => /^4(?!29)/.test(code)),
    ]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(refusals));
});

it('the document has the rate limit that is deployed', () => {
  const { limit, period } = unstable_readConfig({ config: 'wrangler.toml' }).ratelimits[0].simple;

  const { description } = JSON.parse(committed).components.responses.TooManyRequests;
  expect(description).toContain(`${limit.toLocaleString('en')} in ${period} seconds`);
});

it('a linter with strict rules finds no fault in the document', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] });

  const problems = await lintFromString({ source: committed, absoluteRef: 'openapi.json', config });

  expect(
    problems.map(
      ({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`,
    ),
  ).toEqual([]);
});

it('the committed document names a server that can never exist', () => {
  const { servers } = JSON.parse(committed);

  // RFC 2606 reserves `.example`, so nobody receives a token that a client sends to this host.
  expect(servers).toEqual([
    { url: 'https://evaluations.example', description: expect.any(String) },
  ]);
});
