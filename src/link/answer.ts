/**
 * The operations of a link: a machine posts a value, and a person reads the page and answers there.
 */
import type { OperationContext } from '../db/connection.ts';
import type { RowOf } from '../db/statement.ts';
import { nameWrite } from '../db/write.ts';
import type { EvaluationRow } from '../evaluation/read.ts';
import { updateEvaluation } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { type Answer, parseAnsweredValue } from './input.ts';
import { getLinkedPath, type Link, linkNotFound } from './key.ts';
import * as sql from './sql.generated.ts';

/** The row that the page shows: the evaluation, its label, and the replaced values. */
export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * Updates the evaluation through a link, and returns the row as this write stored it. `key` is the
 * name of the delivery. It names a write of this link only, so a stranger who has the link cannot
 * use up the keys of the link's author.
 * @throws {Failure} `not_found` if the link does not work, `precondition_failed`, `unprocessable`
 * or `database_unavailable`.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: Parameters<typeof nameWrite>[1],
): Promise<EvaluationRow> {
  // A request with a token cannot send this text as its key, because a key in a header has no
  // spaces.
  const ownKey = key === undefined ? undefined : `${link.id} ${key}`;
  const write = await nameWrite(context, { versions, key: ownKey });
  const update = { value, immutable: {} };
  return updateEvaluation(context, getLinkedPath(link), update, write).catch(rethrowForLink);
}

/**
 * Reads the row that the page shows.
 * @throws {Failure} `not_found` or `database_unavailable`.
 */
export async function readLinkPage(
  { principal, connection }: OperationContext,
  link: Link,
): Promise<PageRow> {
  const { account } = principal;
  const [row] = await connection.read(sql.readLinkPage, { ...getLinkedPath(link), account });
  if (!row) throw linkNotFound('gone');
  return row;
}

/** The row after an answer, with the value that the answer stored or the reason for its refusal. */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores an answer if the page showed the stored version. Reads the row for the next page in the
 * same transaction. The same answer to the same page is one write, no matter how often the browser
 * sends the form. Returns, rather than throws, a failure because of the value or the version.
 * @throws {Failure} `not_found` or `database_unavailable`.
 */
export async function answerOnPage(
  context: OperationContext,
  link: Link,
  answer: Answer,
): Promise<Answered> {
  const { version } = answer;
  const value = parseAnsweredValue(answer);
  if (value instanceof Failure) return { row: await readLinkPage(context, link), refusal: value };
  // A key in a header has no spaces, so no sender can send this text as its key.
  const key = `page ${version} ${value}`;
  const write = await nameWrite(context, { versions: [version], key });
  const rows: PageRow[] = [];
  const read = { statement: sql.readLinkPage, rows };
  const update = { value, immutable: {} };
  try {
    const stored = await updateEvaluation(context, getLinkedPath(link), update, write, read);
    const [row] = rows;
    if (!row) throw linkNotFound('gone');
    return { row, stored: stored.value };
  } catch (thrown) {
    const [row] = rows;
    if (!row || !(thrown instanceof Failure)) return rethrowForLink(thrown);
    return { row, refusal: thrown };
  }
}

/** Throws the error again, but turns `not_found` into the failure of a link that does not work. */
function rethrowForLink(thrown: unknown): never {
  throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
}
