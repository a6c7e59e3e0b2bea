/**
 * The app put together: what all answers share, the door, the operations, and what renders failures. Made once
 * per isolate, so settings, key material and SQL are prepared once and not per request.
 */
import { Hono } from 'hono';
import { type Clock, systemClock } from './clock';
import { evaluationRoutes } from './evaluation/routes';
import { createEvaluationStore } from './evaluation/store';
import { bearerAuth } from './http/auth';
import { renderFailure, renderPathNotFound } from './http/errors';
import { type ExchangeEnv, exchange } from './http/exchange';
import { createVerifier } from './http/token';
import { readSettings } from './settings';

export function createApp(env: Env, clock: Clock = systemClock) {
  const app = new Hono<ExchangeEnv>();
  app.use(exchange(clock));
  app.route(
    '/',
    evaluationRoutes({
      protect: bearerAuth(async () => createVerifier(readSettings(env), clock)),
      evaluations: createEvaluationStore(env.DB, clock),
    }),
  );
  app.notFound(renderPathNotFound);
  app.onError(renderFailure);
  return app;
}
