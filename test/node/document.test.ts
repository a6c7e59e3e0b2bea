/**
 * Tests the OpenAPI document as tools see it. The committed file is current, and a linter finds
 * nothing.
 */
import { execFileSync } from 'node:child_process';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, it } from 'vitest';
import { unstable_readConfig } from 'wrangler';
import { read } from './pages.ts';

const written = read('src/openapi.generated.json');

it('the committed document is the one that the code describes', () => {
  expect(execFileSync('node', ['src/cli/openapi.ts', '--check'], { encoding: 'utf8' })).toBe('');
});

type Documented = { readonly operationId: string; readonly responses: object };
const documented: Documented[] = Object.values<object>(JSON.parse(written).paths)
  .flatMap((methods) => Object.values(methods))
  .filter((operation) => 'operationId' in operation);

it('the document has the operations of the README', () => {
  const rows = [...read('README.md').matchAll(/^\| `[A-Z]+ \/\S+` (\w+) \|/gm)];

  expect(rows.map(([, name]) => name).sort()).toEqual(
    documented.map(({ operationId }) => operationId).sort(),
  );
});

it('the document refuses an operation on evaluations with the sentences of their page', () => {
  const rows = [
    ...read('src/evaluation/README.md').matchAll(/^\| (\w+(?:, \w+)*) \| ([\d ]+) \|$/gm),
  ];
  const told = rows.flatMap(([, names = '', codes = '']) =>
    names.split(', ').map((name) => [name, codes.split(' ')]),
  );

  const refusals = documented
    .filter(({ operationId }) => /Evaluations?(?:ByPost)?$|ReplacedValues$/.test(operationId))
    .map(({ operationId, responses }) => [
      operationId,
      Object.keys(responses).filter((code) => /^4(?!29)/.test(code)),
    ]);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(refusals));
});

it('the document has the rate limit that is deployed', () => {
  const { limit, period } = unstable_readConfig({ config: 'wrangler.toml' }).ratelimits[0].simple;

  const { description } = JSON.parse(written).components.responses.TooManyRequests;
  expect(description).toContain(`${limit.toLocaleString('en')} in ${period} seconds`);
});

it('a linter with strict rules finds no fault in the document', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] });

  const problems = await lintFromString({ source: written, absoluteRef: 'openapi.json', config });

  expect(
    problems.map(
      ({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`,
    ),
  ).toEqual([]);
});

it('the committed document names a server that can never exist', () => {
  const { servers } = JSON.parse(written);

  // RFC 2606 reserves `.example`. A token that a client sends to the file's server therefore
  // reaches nobody.
  expect(servers).toEqual([
    { url: 'https://evaluations.example', description: expect.any(String) },
  ]);
});
