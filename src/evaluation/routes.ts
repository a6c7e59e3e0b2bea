/** The operations on evaluations, as HTTP. A handler says who, what, do it, if refused say why, answer. */
import { type Context, Hono } from 'hono';
import { Failure } from '../failure';
import type { Protect } from '../http/auth';
import { readJsonObject } from '../http/body';
import { etagOf, readIfMatch } from '../http/etag';
import type { ExchangeEnv } from '../http/exchange';
import { uuidOf } from '../http/path';
import { type EvaluationRow, parseEvaluationUpdate, resourceOf, versionOf } from './evaluation';
import type { EvaluationPath, EvaluationStore } from './store';

const EVALUATION = '/v1/run/:run_id/evaluation/:evaluation_id';

type Needs = {
  readonly protect: Protect;
  readonly evaluations: EvaluationStore;
};

export function evaluationRoutes({ protect, evaluations }: Needs) {
  const routes = new Hono<ExchangeEnv>();

  routes.put(EVALUATION, protect('updateEvaluation'), async (c) => {
    const path = evaluationPath(c);
    const precondition = readIfMatch(c.req.header('if-match'));
    const update = parseEvaluationUpdate(await readJsonObject(c.req.raw));
    return answer(c, await evaluations.updateEvaluation(c.get('principal'), path, update, precondition));
  });

  routes.all(EVALUATION, () => {
    throw new Failure({ kind: 'method_not_allowed', allow: 'PUT' });
  });

  return routes;
}

/** `no-transform`, because an edge that compresses an answer makes its strong entity tag a weak one, which never matches. */
function answer(c: Context<ExchangeEnv>, row: EvaluationRow) {
  return c.json(resourceOf(row), 200, {
    etag: etagOf(versionOf(row)),
    'cache-control': 'no-store, no-transform',
  });
}

function evaluationPath(c: Context<ExchangeEnv, typeof EVALUATION>): EvaluationPath {
  const path = {
    run_id: uuidOf('run_id', c.req.param('run_id')),
    id: uuidOf('evaluation_id', c.req.param('evaluation_id')),
  };
  c.get('log').evaluation = path.id;
  return path;
}
