/** Uses a link: a machine posts a value, and a person reads the page and answers on it. */
import type { OperationContext } from '../db/connection.ts';
import type { RowOf } from '../db/statement.ts';
import { nameWrite } from '../db/write.ts';
import type { EvaluationRow } from '../evaluation/read.ts';
import { updateEvaluation } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { type Answer, parseAnsweredValue } from './input.ts';
import { type Link, linkNotFound, pathOf } from './key.ts';
import * as sql from './sql.generated.ts';

/** What the page shows: the evaluation, its label, and the values before. */
export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * The update, through a link. A key names a write of this link alone, so that a stranger who has
 * the link cannot use up the keys of its author.
 * @throws {Failure} as `updateEvaluation`; `not_found` says that the link does not work.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: Parameters<typeof nameWrite>[1],
): Promise<EvaluationRow> {
  // A header has no spaces, so no key of another sender is the same.
  const ownKey = key === undefined ? undefined : `${link.id} ${key}`;
  const write = await nameWrite(context, { versions, key: ownKey });
  const update = { value, immutable: {} };
  return updateEvaluation(context, pathOf(link), update, write, { link }).catch(failAsLink);
}

/** @throws {Failure} `not_found` or `database_unavailable`. */
export async function readLinkPage(
  { principal, connection }: OperationContext,
  link: Link,
): Promise<PageRow> {
  const scope = { account: principal.account, link_id: link.id, link_expires_at: link.expires_at };
  const [row] = await connection.read(sql.readLinkPage, { ...pathOf(link), ...scope });
  if (!row) throw linkNotFound('gone');
  return row;
}

/** What is stored after an answer, and the value that this answer stored, or why it was refused. */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores an answer on the page if the page showed what is stored, and reads the page to show next
 * in the same transaction. The same answer to the same page is one write, however often the form is
 * sent. Returns a refusal of the value or of the version.
 * @throws {Failure} `not_found` or `database_unavailable`.
 */
export async function answerOnPage(
  context: OperationContext,
  link: Link,
  { text, version }: Answer,
): Promise<Answered> {
  const value = parseAnsweredValue(text);
  if (value instanceof Failure) return { row: await readLinkPage(context, link), refusal: value };
  // No key of a sender is the same, because a header has no spaces.
  const key = `page ${version} ${value}`;
  const write = await nameWrite(context, { versions: [version], key });
  const rows: PageRow[] = [];
  const options = { link, read: { statement: sql.readLinkPage, rows } };
  const update = { value, immutable: {} };
  try {
    const stored = await updateEvaluation(context, pathOf(link), update, write, options);
    const [row] = rows;
    if (!row) throw linkNotFound('gone');
    return { row, stored: stored.value };
  } catch (thrown) {
    const [row] = rows;
    if (!row || !(thrown instanceof Failure)) return failAsLink(thrown);
    return { row, refusal: thrown };
  }
}

/** @throws what was thrown; a `not_found` as a link that does not work. */
function failAsLink(thrown: unknown): never {
  throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
}
