/**
 * Tests the table of senders in src/link/README.md. It has the same links that
 * test/link-senders.test.ts tries.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SENDER_LINKS } from '../support/senders.ts';

const cell = (content: unknown) => {
  if (content === undefined) return '';
  return `\`${typeof content === 'string' ? content : JSON.stringify(content)}\` `;
};

it('each link that is tested is a row of the table, and the table has no other row', () => {
  const page = readFileSync('src/link/README.md', 'utf8');
  const [, table = ''] = page.split('| sender | `pointer` or `path` |');
  const [, , ...rows] = (table.split('\n\n')[0] ?? '').split('\n');

  expect(rows).toEqual(
    SENDER_LINKS.map(
      ({ name, link: { pointer, path, values, where, delivery } }) =>
        `| ${name} | ${[pointer ?? path, values, where, delivery].map(cell).join('| ')}|`,
    ),
  );
});
