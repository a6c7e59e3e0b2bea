/** The operations on evaluations, as HTTP. A handler says who, what, do it, if refused say why, answer. */
import { type Context, Hono } from 'hono';
import type { Clock } from '../clock';
import { Failure } from '../failure';
import type { Protect } from '../http/auth';
import { readJsonObject } from '../http/body';
import type { ExchangeEnv } from '../http/exchange';
import { uuidOf } from '../http/path';
import { parseEvaluationUpdate } from './evaluation';
import type { EvaluationPath, EvaluationStore } from './store';

const EVALUATION = '/v1/run/:run_id/evaluation/:evaluation_id';

type Needs = {
  readonly protect: Protect;
  readonly evaluations: EvaluationStore;
  readonly clock: Clock;
};

export function evaluationRoutes({ protect, evaluations, clock }: Needs) {
  const routes = new Hono<ExchangeEnv>();

  routes.put(EVALUATION, protect('updateEvaluation'), async (c) => {
    const path = evaluationPath(c);
    const { value } = parseEvaluationUpdate(await readJsonObject(c.req.raw));
    const updated = await evaluations.updateEvaluation(c.get('principal'), path, { value, at: clock.now() });
    if (!updated) throw new Failure({ kind: 'evaluation_not_found' });
    return c.json(updated);
  });

  routes.all(EVALUATION, () => {
    throw new Failure({ kind: 'method_not_allowed', allow: 'PUT' });
  });

  return routes;
}

function evaluationPath(c: Context<ExchangeEnv, typeof EVALUATION>): EvaluationPath {
  const path = {
    run_id: uuidOf('run_id', c.req.param('run_id')),
    id: uuidOf('evaluation_id', c.req.param('evaluation_id')),
  };
  c.get('log').evaluation = path.id;
  return path;
}
