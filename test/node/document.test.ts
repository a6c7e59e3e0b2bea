/** The document as tools see it: the parts in src/ put together, in which a linter finds nothing. */
import { globSync, readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHarness, unstable_readConfig } from 'wrangler';

type Part = {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: object;
  readonly components: Readonly<Record<string, object>>;
};

const server = createTestHarness({ workers: [{ configPath: 'wrangler.toml' }] });
let served: string;
beforeAll(async () => {
  await server.listen();
  served = await (await server.fetch('/openapi.json')).text();
});
afterAll(() => server.close());

/** Everything that has a name in the document, with what it is, in the order of the names. */
const definitionsIn = (parts: readonly Part[]) =>
  parts
    .flatMap(({ tags, paths, components }): [string, unknown][] => [
      ...tags.map((tag): [string, unknown] => [`tag ${tag.name}`, tag]),
      ...Object.entries(paths),
      ...Object.entries(components).flatMap(([section, named]) =>
        Object.entries(named).map(([name, definition]): [string, unknown] => [
          `${section}/${name}`,
          definition,
        ]),
      ),
    ])
    .sort(([one], [other]) => one.localeCompare(other));

it('has what each part of it defines, and no name is defined by two of them', () => {
  const files = globSync('src/**/openapi.json');
  const parts = files.map((file): Part => JSON.parse(readFileSync(file, 'utf8')));

  expect(files.sort()).toEqual(
    expect.arrayContaining(['src/evaluation/openapi.json', 'src/openapi.json']),
  );
  expect(definitionsIn([JSON.parse(served)])).toEqual(definitionsIn(parts));
});

it('tells the rate limit that is deployed', () => {
  const { limit, period } = unstable_readConfig({ config: 'wrangler.toml' }).ratelimits[0].simple;

  const { description } = JSON.parse(served).components.responses.TooManyRequests;
  expect(description).toContain(`${limit.toLocaleString('en')} in ${period} seconds`);
});

it('has nothing that the strict rules of a linter object to', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] });

  const problems = await lintFromString({ source: served, absoluteRef: 'openapi.json', config });

  expect(
    problems.map(
      ({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`,
    ),
  ).toEqual([]);
});
