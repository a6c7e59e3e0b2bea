/** Uses a link: a URL with which anyone can set the value of one evaluation. */
import type { OperationContext } from '../db/connection.ts';
import type { RowOf } from '../db/statement.ts';
import { nameWrite } from '../db/write.ts';
import type { EvaluationRow } from '../evaluation/read.ts';
import { updateEvaluation } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { type Answer, parseAnsweredValue } from './input.ts';
import { getLinkedPath, type Link, linkNotFound } from './key.ts';
import * as sql from './sql.generated.ts';

export type PageRow = RowOf<typeof sql.readLinkPage>;

/**
 * Updates the evaluation through a link, and returns the row as this write stored it.
 * `key` is the id of the delivery, or undefined if the request has no id.
 * @throws {Failure} `not_found`, `precondition_failed`, `unprocessable` or `database_unavailable`.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: Parameters<typeof nameWrite>[1],
): Promise<EvaluationRow> {
  // The link's id keeps the holder of a link from using up the keys of its creator. A key in a
  // header has no space, so no request with a token can send `ownKey`.
  const ownKey = key === undefined ? undefined : `${link.id} ${key}`;
  const write = await nameWrite(context, { versions, key: ownKey });
  const update = { value, immutable: {} };
  return updateEvaluation(context, getLinkedPath(link), update, write).catch(rethrowForLink);
}

/**
 * Reads the data of a link's page.
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

/** `refusal` is the reason why the Worker did not store the answer. */
export type Answered =
  | { readonly row: PageRow; readonly stored: number; readonly refusal?: never }
  | { readonly row: PageRow; readonly stored?: never; readonly refusal: Failure };

/**
 * Stores a person's answer if nobody has changed the evaluation since the person opened the page.
 * Returns a refusal instead of throwing it, because the page shows the reason.
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
  // The key has spaces and does not begin with a link's id, so no other write can have this key.
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

/** Throws the error again, with `linkNotFound` in place of `not_found`. */
function rethrowForLink(thrown: unknown): never {
  throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
}
