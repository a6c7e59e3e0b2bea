/** Creates a link. The URL contains all data of the link, so the database stores no links. */
import type { OperationContext } from '../db/connection.ts';
import { type EvaluationPath, getEvaluation } from '../evaluation/read.ts';
import { notFound, unprocessable } from '../failure.ts';
import { refuseServerFields } from '../fields.ts';
import { LINK_URL_MAX_CHARS } from '../limits.ts';
import type { LinkCreate } from './input.ts';
import { computeExpiry, createLinkId, type EvaluationLink, type LinkKeys } from './key.ts';

/**
 * Creates a link. A token that is restricted to one evaluation cannot create links.
 * @throws {Failure} `not_found`, `unprocessable` or `database_unavailable`.
 */
export async function createEvaluationLink(
  context: OperationContext,
  path: EvaluationPath,
  { expires_in, name, pointer, path: valuePath, values, where, delivery, sent }: LinkCreate,
  sign: LinkKeys['sign'],
  createUrl: (key: string) => string,
): Promise<EvaluationLink> {
  const { account, subject, evaluation } = context.principal;
  if (evaluation !== undefined) throw notFound();
  const author = name === undefined ? subject : `${subject}/${name}`;
  const expires_at = computeExpiry(context.now, expires_in);
  const shown = { run_id: path.run_id, evaluation_id: path.id, author };
  refuseServerFields(sent, shown);
  if (valuePath !== undefined) (await import('./path.ts')).refuseCostlyPath(valuePath);
  const id = createLinkId(expires_at);
  const options = { pointer, path: valuePath, values, where, delivery };
  const link = { id, account, author, expires_at, evaluation_id: path.id, ...options };
  const url = createUrl(await sign(link));
  if (url.length > LINK_URL_MAX_CHARS) throw urlIsTooLong(url);
  await getEvaluation(context, path);
  const place = valuePath === undefined ? { pointer } : { path: valuePath };
  return { id, url, expires_at, ...shown, ...place, values, where, delivery };
}

const urlIsTooLong = ({ length }: string) =>
  unprocessable(
    `The URL of the link would be ${length} characters long and may be ${LINK_URL_MAX_CHARS}: send a shorter name, pointer or path, or fewer or shorter values and conditions.`,
  );
