/** The SQL that the Worker carries. `npm run statements` writes it anew after a change of the schema or of a query. */
import { expect, it } from 'vitest';
import { compile } from '../../src/db/compile.ts';
import { queries } from '../../src/evaluation/statements/queries.ts';

const COMPILED = '../../src/evaluation/statements/compiled.ts';

it('is what drizzle writes from the schema', async () => {
  const statements = Object.entries(queries).map(([name, { sql, parameters }]) => {
    const names = parameters.map((parameter) => `'${parameter}'`).join(', ');
    return `  ${name}: {\n    sql: \`${sql}\`,\n    parameters: [${names}],\n  },\n`;
  });
  const text = `/** Written by \`npm run statements\` from the queries beside it; a test fails where it is not up to date. */
import type { queries } from './queries';

export const statements: typeof queries = {
${statements.join('')}};
`;

  expect(text).not.toMatch(/\\|\$\{/);
  await expect(text).toMatchFileSnapshot(COMPILED);
});

it.each([
  [`SELECT 'a  b'`, 'literal'],
  [`SELECT '$."a"'`, 'literal'],
  [`SELECT '( x )'`, 'literal'],
  ['SELECT 1 -- why\nFROM x', 'comment'],
  ['SELECT /* why */ 1', 'comment'],
  ['SELECT ?', 'question mark'],
])('is not written where shortening it would change what it means: %s', (sql, fault) => {
  expect(() => compile({ toSQL: () => ({ sql, params: [] }) })).toThrow(fault);
});

it('binds no value that has no name', () => {
  expect(() => compile({ toSQL: () => ({ sql: 'SELECT ?', params: [7] }) })).toThrow('the value 7');
});
