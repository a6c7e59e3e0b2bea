/** Routes for evaluations. */
import type { Context } from 'hono';
import { nameWrite } from '../db/write.ts';
import type { RequireAuth } from '../http/bearer-auth.ts';
import { readJsonObject } from '../http/body.ts';
import { type AppContext, type AppEnv, getOperationContext, Hono } from '../http/context.ts';
import { methodNotAllowed } from '../http/errors.ts';
import {
  cutPage,
  readLimit,
  readOptionalUuid,
  readPositionCursor,
  readTimeCursor,
  requireUuid,
} from '../http/params.ts';
import {
  parseReadPreconditions,
  parseUpdatePreconditions,
  readIdempotencyKey,
  refusePreconditions,
} from '../http/preconditions.ts';
import { respond, respondJson, respondResource, respondToRead } from '../http/response.ts';
import { createEvaluation } from './create.ts';
import { deleteEvaluation } from './delete.ts';
import { parseEvaluationCreate, parseEvaluationUpdate } from './input.ts';
import {
  type EvaluationPath,
  type EvaluationRow,
  getEvaluation,
  listEvaluations,
  listReplacedValues,
  toResource,
} from './read.ts';
import { updateEvaluation } from './update.ts';

const EVALUATIONS = '/v1/run/:id/evaluations';
const EVALUATION = '/v1/run/:run_id/evaluation/:evaluation_id';
const HISTORY = `${EVALUATION}/history` as const;

/** Creates the routes for evaluations. */
export function evaluationRoutes(requireAuth: RequireAuth) {
  const routes = new Hono<AppEnv>();

  routes.post(EVALUATIONS, requireAuth('createEvaluation', 'write'), async (c) => {
    const runId = requireUuid('id', c.req.param('id'));
    refusePreconditions(c);
    const key = readIdempotencyKey(c.req.raw.headers);
    const create = parseEvaluationCreate(await readJsonObject(c.req.raw));
    const { row, created } = await createEvaluation(getOperationContext(c), runId, create, key);
    const location = `/v1/run/${row.run_id}/evaluation/${row.id}`;
    return respondResource(c, created ? 201 : 200, toResource(row), { location });
  });

  routes.get(EVALUATIONS, requireAuth('listEvaluations', 'read'), async (c) => {
    const runId = requireUuid('id', c.req.param('id'));
    refusePreconditions(c);
    const label = readOptionalUuid('evaluation_label_id', c.req.query('evaluation_label_id'));
    const limit = readLimit(c.req.query('limit'));
    const after = readPositionCursor(c.req.query('cursor'));
    const { rows, end } = await listEvaluations(getOperationContext(c), runId, label, {
      after,
      limit: limit + 1,
    });
    const query = label === undefined ? {} : { evaluation_label_id: label };
    const path = `/v1/run/${runId}/evaluations`;
    const position = (last: EvaluationRow) => [last.created_at, last.id];
    const { page, link } = cutPage(rows, limit, path, position, { query, end });
    return respondJson(c, 200, page.map(toResource), link);
  });

  routes.get(EVALUATION, requireAuth('getEvaluation', 'read'), async (c) => {
    const path = readEvaluationPath(c, c.req.param());
    const preconditions = parseReadPreconditions(c);
    const row = await getEvaluation(getOperationContext(c), path);
    return respondToRead(c, toResource(row), 'evaluation', preconditions);
  });

  const update = async (c: Context<AppEnv, typeof EVALUATION>) => {
    const context = getOperationContext(c);
    const path = readEvaluationPath(c, c.req.param());
    const write = await nameWrite(context, parseUpdatePreconditions(c));
    const update = parseEvaluationUpdate(await readJsonObject(c.req.raw));
    const row = await updateEvaluation(context, path, update, write);
    return respondResource(c, 200, toResource(row));
  };
  routes.put(EVALUATION, requireAuth('updateEvaluation', 'write'), update);
  // Most senders of webhooks and callbacks can only POST.
  routes.post(EVALUATION, requireAuth('updateEvaluationByPost', 'write'), update);

  routes.delete(EVALUATION, requireAuth('deleteEvaluation', 'write'), async (c) => {
    const context = getOperationContext(c);
    const path = readEvaluationPath(c, c.req.param());
    const write = await nameWrite(context, parseUpdatePreconditions(c));
    await deleteEvaluation(context, path, write);
    return respond(c, 204, null);
  });

  routes.get(HISTORY, requireAuth('listReplacedValues', 'read'), async (c) => {
    const path = readEvaluationPath(c, c.req.param());
    refusePreconditions(c);
    const limit = readLimit(c.req.query('limit'));
    const replaced_at = readTimeCursor(c.req.query('cursor'));
    const after = replaced_at === undefined ? undefined : { replaced_at };
    const entries = await listReplacedValues(getOperationContext(c), path, {
      after,
      limit: limit + 1,
    });
    const self = `/v1/run/${path.run_id}/evaluation/${path.id}/history`;
    const { page, link } = cutPage(entries, limit, self, (last) => [last.replaced_at]);
    return respondJson(c, 200, page, link);
  });

  routes.all(EVALUATIONS, methodNotAllowed('GET, HEAD, POST'));
  routes.all(EVALUATION, methodNotAllowed('DELETE, GET, HEAD, POST, PUT'));
  routes.all(HISTORY, methodNotAllowed('GET, HEAD'));
  return routes;
}

/**
 * Reads both ids from the path in lower case, and adds the evaluation's id to the log line.
 * @throws {Failure} `malformed` if an id is not a UUID.
 */
export function readEvaluationPath(
  c: AppContext,
  { run_id, evaluation_id }: { readonly run_id: string; readonly evaluation_id: string },
): EvaluationPath {
  const path = {
    run_id: requireUuid('run_id', run_id),
    id: requireUuid('evaluation_id', evaluation_id),
  };
  c.get('log').evaluation = path.id;
  return path;
}
