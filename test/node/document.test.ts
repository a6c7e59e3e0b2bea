/** The document as tools see it: a linter finds nothing in it. */
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, it } from 'vitest';

it('has nothing that the strict rules of a linter object to', async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    // The public operations take no input that could be refused.
    rules: { 'operation-4xx-response': 'off' },
  });

  const problems = await lintFromString({
    source: readFileSync('src/openapi.json', 'utf8'),
    absoluteRef: 'openapi.json',
    config,
  });

  expect(problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`)).toEqual([]);
});
