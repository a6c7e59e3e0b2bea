/** What a link is used for: a machine posts a value, a person reads the page and answers on it. Knows nothing of HTTP. */
import type { OperationContext, UpdateConditions } from '../db/operation.ts';
import type { EvaluationRow } from '../evaluation/evaluation.ts';
import { prepareUpdate, updateEvaluation } from '../evaluation/update.ts';
import { Failure } from '../failure.ts';
import { type Answer, parseAnsweredValue } from './input.ts';
import { type Link, linkNotFound, pathOf } from './link.ts';
import type { PageRow } from './page.query.ts';
import * as sql from './sql.generated.ts';

/**
 * The update, through a link. A key names a write of this link alone: a stranger who has it must not use up the keys of its
 * author.
 * @throws {Failure} as the update does; whatever is gone is a link that does not work.
 */
export async function updateEvaluationByLink(
  context: OperationContext,
  link: Link,
  value: number,
  { versions, key }: UpdateConditions,
): Promise<EvaluationRow> {
  // A header has no spaces, so no key of another sender is this one.
  const conditions = { versions, key: key === undefined ? undefined : `${link.id} ${key}` };
  try {
    return await updateEvaluation(
      context,
      pathOf(link),
      { value, immutable: {} },
      conditions,
      link,
    );
  } catch (thrown) {
    throw thrown instanceof Failure && thrown.code === 'not_found' ? linkNotFound('gone') : thrown;
  }
}

/** @throws {Failure} `not_found`. */
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
 * An answer on the page: the update on the condition that the page showed what is stored, and the page to show next, in one
 * transaction. The same answer to the same page is one write, however often the form is sent.
 * @throws {Failure} `not_found` or `database_unavailable`; a refusal of the value or of the version is returned.
 */
export async function answerOnPage(
  context: OperationContext,
  link: Link,
  answer: Answer,
): Promise<Answered> {
  let value: number;
  try {
    value = parseAnsweredValue(answer.text);
  } catch (thrown) {
    return { row: await readLinkPage(context, link), refusal: refusalOf(thrown) };
  }
  // No sender's key is this one either.
  const conditions = { versions: [answer.version], key: `page ${answer.version} ${value}` };
  const { write, storedRow } = await prepareUpdate(
    context,
    pathOf(link),
    { value, immutable: {} },
    conditions,
    link,
  );
  const { read, ...written } = await context.connection.write(...write, sql.readLinkPage);
  const [row] = read;
  if (!row) throw linkNotFound('gone');
  try {
    return { row, stored: storedRow(written).value };
  } catch (thrown) {
    return { row, refusal: refusalOf(thrown) };
  }
}

function refusalOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  throw thrown;
}
