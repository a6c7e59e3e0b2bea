/**
 * Sets the value of an evaluation through a link. A link is a URL, and anyone who has the URL can
 * set the value of one evaluation. A machine posts a value to the URL. A person opens the URL in a
 * browser, reads a page, and answers with the page's form.
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

/**
 * The database row for a link's page. The row contains the evaluation, its label, and the
 * evaluation's earlier values.
 */
export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * Updates the evaluation through a link, and returns the row as this write stored it.
 * `key` is the id of the delivery: one event that a sender posts. If the sender posts the event
 * again, `key` is the same, so the database stores nothing new. If the request contains no such id,
 * `key` is undefined.
 * The idempotency key of the write begins with the link's id. Without the link's id, somebody with
 * the link could send the key `k1` before the link's creator sends `k1` with a token. The database
 * would then treat the creator's write as a retry, and store nothing.
 * @throws {Failure} `not_found` if the link does not work, `precondition_failed`, `unprocessable`
 * or `database_unavailable`.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: Parameters<typeof nameWrite>[1],
): Promise<EvaluationRow> {
  // A request with a token sends its key in the header Idempotency-Key, which cannot contain a
  // space. So no request with a token can send `ownKey`.
  const ownKey = key === undefined ? undefined : `${link.id} ${key}`;
  const write = await nameWrite(context, { versions, key: ownKey });
  const update = { value, immutable: {} };
  return updateEvaluation(context, getLinkedPath(link), update, write).catch(rethrowForLink);
}

/**
 * Reads the database row for a link's page.
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
 * The result of a person's answer. `row` is the data for the page in the response. If the Worker
 * stored the answer, `stored` is the stored value. Otherwise `refusal` is the reason why the Worker
 * did not store the answer.
 */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores a person's answer if nobody has changed the evaluation since the person opened the page.
 * In the same transaction, reads the data for the page in the response.
 * The idempotency key of the write consists of the version and the value. So if the browser sends
 * the form twice, the database stores the answer once.
 * If the answer is not a value that the label allows, or if somebody has changed the evaluation,
 * returns the failure as `refusal`. The page in the response then shows the reason.
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
  // No other write can have this key. The header Idempotency-Key cannot contain a space. If a
  // machine posts through a link, the key of the write begins with the link's id.
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

/**
 * Rethrows an error. If the error is a failure `not_found`, throws `linkNotFound` instead: the
 * caller of a link must read that the link does not work.
 */
function rethrowForLink(thrown: unknown): never {
  throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
}
