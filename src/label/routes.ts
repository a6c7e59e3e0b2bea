/** Routes for evaluation labels. */
import type { Context } from 'hono';
import { nameWrite } from '../db/write.ts';
import type { RequireAuth } from '../http/bearer-auth.ts';
import { readJsonObject } from '../http/body.ts';
import { type AppEnv, getOperationContext, Hono } from '../http/context.ts';
import { methodNotAllowed } from '../http/errors.ts';
import { cutPage, readLimit, readPositionCursor, requireUuid } from '../http/params.ts';
import {
  parseReadPreconditions,
  parseUpdatePreconditions,
  readIdempotencyKey,
  refusePreconditions,
} from '../http/preconditions.ts';
import { respondJson, respondResource, respondToRead } from '../http/response.ts';
import { LABEL_PAGE_MAX_ROWS } from '../limits.ts';
import { createEvaluationLabel } from './create.ts';
import { parseLabelCreate, parseLabelUpdate } from './input.ts';
import { getEvaluationLabel, listEvaluationLabels, toResource } from './read.ts';
import { updateEvaluationLabel } from './update.ts';

const LABELS = '/v1/evaluation-labels';
const LABEL = '/v1/evaluation-label/:label_id';

/** Creates the routes for evaluation labels. */
export function labelRoutes(requireAuth: RequireAuth) {
  const routes = new Hono<AppEnv>();

  routes.post(LABELS, requireAuth('createEvaluationLabel', 'write'), async (c) => {
    refusePreconditions(c);
    const key = readIdempotencyKey(c.req.raw.headers);
    const create = parseLabelCreate(await readJsonObject(c.req.raw));
    const { row, created } = await createEvaluationLabel(getOperationContext(c), create, key);
    const location = `/v1/evaluation-label/${row.id}`;
    return respondResource(c, created ? 201 : 200, toResource(row), { location });
  });

  routes.get(LABELS, requireAuth('listEvaluationLabels', 'read'), async (c) => {
    refusePreconditions(c);
    const limit = readLimit(c.req.query('limit'), LABEL_PAGE_MAX_ROWS);
    const after = readPositionCursor(c.req.query('cursor'));
    const rows = await listEvaluationLabels(getOperationContext(c), { after, limit: limit + 1 });
    const { page, link } = cutPage(rows, limit, LABELS, (last) => [last.created_at, last.id]);
    return respondJson(c, 200, page.map(toResource), link);
  });

  routes.get(LABEL, requireAuth('getEvaluationLabel', 'read'), async (c) => {
    const id = readLabelId(c);
    const preconditions = parseReadPreconditions(c);
    const row = await getEvaluationLabel(getOperationContext(c), id);
    return respondToRead(c, toResource(row), 'evaluation label', preconditions);
  });

  routes.put(LABEL, requireAuth('updateEvaluationLabel', 'write'), async (c) => {
    const id = readLabelId(c);
    const context = getOperationContext(c);
    const write = await nameWrite(context, parseUpdatePreconditions(c));
    const update = parseLabelUpdate(await readJsonObject(c.req.raw));
    const row = await updateEvaluationLabel(context, id, update, write);
    return respondResource(c, 200, toResource(row));
  });

  routes.all(LABELS, methodNotAllowed('GET, HEAD, POST'));
  routes.all(LABEL, methodNotAllowed('GET, HEAD, PUT'));
  return routes;
}

/** Reads the label's id from the path in lower case, and adds the id to the log line. */
function readLabelId(c: Context<AppEnv, typeof LABEL>): string {
  const id = requireUuid('id', c.req.param('label_id'));
  c.get('log').label = id;
  return id;
}
