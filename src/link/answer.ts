/**
 * The operations that use a link. A machine posts a value. A person reads the page and answers
 * there.
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

/** The row behind a link's page: the evaluation, its label, and the replaced values. */
export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * Updates the evaluation through a link, and returns the row as this write stored it.
 * If the sender named its delivery, `key` is that name, so a retry stores nothing. The write's own
 * key also includes the link's id. Otherwise, anyone with the link could use up a key before the
 * link's author sends it with a token.
 * @throws {Failure} `not_found` if the link does not work, `precondition_failed`, `unprocessable`
 * or `database_unavailable`.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: Parameters<typeof nameWrite>[1],
): Promise<EvaluationRow> {
  // An Idempotency-Key cannot contain a space, so no request with a token can send this key.
  const ownKey = key === undefined ? undefined : `${link.id} ${key}`;
  const write = await nameWrite(context, { versions, key: ownKey });
  const update = { value, immutable: {} };
  return updateEvaluation(context, getLinkedPath(link), update, write).catch(rethrowForLink);
}

/**
 * Reads the row behind the page.
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

/**
 * The result of an answer on the page: the row for the next page, and either the value that was
 * stored or the reason for the refusal.
 */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores a person's answer if the evaluation still has the version that the page showed. Reads the
 * row for the next page in the same transaction.
 * If the browser sends the form twice, the answer is stored once: the version and the value make up
 * the write's key.
 * If the value or the version is wrong, returns the failure as `refusal`, because the page shows
 * it.
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
  // An Idempotency-Key cannot contain a space, so no other request can send this key.
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
    const isRefusal = thrown instanceof Failure && thrown.code !== 'database_unavailable';
    if (!row || !isRefusal) return rethrowForLink(thrown);
    return { row, refusal: thrown };
  }
}

/** Rethrows an error, but replaces `not_found` by the failure of a link that does not work. */
function rethrowForLink(thrown: unknown): never {
  throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
}
