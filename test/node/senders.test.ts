/**
 * Tests that the table in src/link/README.md has a row for each link in `SENDER_LINKS`, and no
 * other row.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SENDER_LINKS } from '../support/senders.ts';

const cell = (content: unknown) => {
  if (content === undefined) return '';
  return `\`${typeof content === 'string' ? content : JSON.stringify(content)}\` `;
};

it('the table of senders has a row for each tested link, and no other row', () => {
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
