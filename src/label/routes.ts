/** The operations on evaluation labels as HTTP: each handler reads the request, calls the operation, and responds. */
import type { Context } from 'hono';
import type { RequireAuth } from '../http/bearer-auth.ts';
import { readJsonObject } from '../http/body.ts';
import { type AppEnv, operationContext } from '../http/context.ts';
import { methodNotAllowed } from '../http/errors.ts';
import { hasVersion, readIfMatch, refuseIfNoneMatch, validatorsOf } from '../http/etag.ts';
import { Hono } from '../http/hono.ts';
import { readIdempotencyKey } from '../http/idempotency-key.ts';
import { pageOf, readLimit, readPlace, uuidOf } from '../http/params.ts';
import { respond, respondJson } from '../http/response.ts';
import type { OpenSession } from '../http/session.ts';
import { createEvaluationLabel } from './create.ts';
import { parseLabelCreate, parseLabelUpdate } from './input.ts';
import { type LabelRow, resourceOf, versionOf } from './label.ts';
import { getEvaluationLabel, listEvaluationLabels } from './read.ts';
import { updateEvaluationLabel } from './update.ts';

const LABELS = '/v1/evaluation-labels';
const LABEL = '/v1/evaluation-label/:label_id';

/** Fewer than of other resources: a label may have 64 KiB of categories. */
export const LABEL_PAGE_MAX_ROWS = 100;

type Dependencies = {
  readonly requireAuth: RequireAuth;
  readonly session: OpenSession;
};

export function labelRoutes({ requireAuth, session }: Dependencies) {
  const routes = new Hono<AppEnv>();

  routes.post(LABELS, requireAuth('createEvaluationLabel'), session('write'), async (c) => {
    const key = readIdempotencyKey(c.req.raw.headers);
    const create = parseLabelCreate(await readJsonObject(c.req.raw));
    const { row, created } = await createEvaluationLabel(operationContext(c), create, key);
    return respondWithRow(c, created ? 201 : 200, row, { location: `/v1/evaluation-label/${row.id}` });
  });

  routes.get(LABELS, requireAuth('listEvaluationLabels'), session('read'), async (c) => {
    const limit = readLimit(c.req.query('limit'), LABEL_PAGE_MAX_ROWS);
    const after = readPlace(c.req.query('cursor'));
    const rows = await listEvaluationLabels(operationContext(c), { after, limit: limit + 1 });
    const { page, link } = pageOf(rows, limit, LABELS, (last) => [last.created_at, last.id]);
    return respondJson(c, 200, page.map(resourceOf), link);
  });

  routes.get(LABEL, requireAuth('getEvaluationLabel'), session('read'), async (c) => {
    const row = await getEvaluationLabel(operationContext(c), labelId(c));
    if (!hasVersion(c.req.header('if-none-match'), versionOf(row))) return respondWithRow(c, 200, row);
    return respond(c, 304, null, validatorsOf(versionOf(row)));
  });

  routes.put(LABEL, requireAuth('updateEvaluationLabel'), session('write'), async (c) => {
    const id = labelId(c);
    refuseIfNoneMatch(c.req.header('if-none-match'));
    const conditions = {
      versions: readIfMatch(c.req.header('if-match')),
      key: readIdempotencyKey(c.req.raw.headers),
    };
    const update = parseLabelUpdate(await readJsonObject(c.req.raw));
    return respondWithRow(c, 200, await updateEvaluationLabel(operationContext(c), id, update, conditions));
  });

  routes.all(LABELS, methodNotAllowed('GET, HEAD, POST'));
  routes.all(LABEL, methodNotAllowed('GET, HEAD, PUT'));
  return routes;
}

const respondWithRow = (c: Context<AppEnv>, status: 200 | 201, row: LabelRow, headers?: { location: string }) =>
  respondJson(c, status, resourceOf(row), { ...validatorsOf(versionOf(row)), ...headers });

function labelId(c: Context<AppEnv, typeof LABEL>): string {
  const id = uuidOf('id', c.req.param('label_id'));
  c.get('log').label = id;
  return id;
}
