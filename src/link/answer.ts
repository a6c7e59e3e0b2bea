/**
 * Uses a link: a URL that lets anyone who has it set the value of one evaluation. A machine posts a
 * value to the URL. A person opens the URL in a browser and answers on the page.
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

/** The row that a link's page shows: the evaluation, its label, and the values it had before. */
export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * Updates the evaluation through a link, and returns the row as this write stored it.
 * `key` is the name that the sender gave to its delivery, if any. A retry of the delivery has the
 * same name, so the database stores nothing new.
 * The idempotency key of the write also contains the link's id. Otherwise, anyone with the link
 * could send a key that the link's creator uses later with a token. The creator's write would then
 * count as a retry.
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

/**
 * The result of a person's answer: the row that the page in the response shows, and either the
 * value that the Worker stored or the reason why it stored none.
 */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores a person's answer if the evaluation still has the version that the page showed. In the
 * same transaction, reads the row for the page in the response.
 * The idempotency key of the write consists of the version and the value. So if the browser sends
 * the form twice, the database stores the answer once.
 * If the value is not allowed, or if the evaluation has another version by now, returns the failure
 * as `refusal`. The page in the response shows the reason.
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
  // An Idempotency-Key cannot contain a space, and the key of a machine's write begins with the
  // link's id. So only the form on the page can have this key.
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
