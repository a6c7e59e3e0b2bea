/**
 * The app put together: what all answers share, the door, the operations, and what renders failures. Made once
 * per isolate, so settings and key material are prepared once and not per request.
 */
import { Hono } from 'hono';
import { type Clock, systemClock } from './clock';
import { evaluationRoutes } from './evaluation/routes';
import { createEvaluationStore } from './evaluation/store';
import { bearerAuth } from './http/auth';
import { crossOrigin } from './http/cors';
import { renderFailure, renderPathNotFound } from './http/errors';
import { type ExchangeEnv, exchange } from './http/exchange';
import { accountLimit } from './http/rate-limit';
import { d1Session } from './http/session';
import { createVerifier } from './http/token';
import { publicRoutes } from './public';
import { readOrigins, readSettings } from './settings';

export function createApp(env: Env, clock: Clock = systemClock) {
  const app = new Hono<ExchangeEnv>();
  app.use(exchange(clock, env.CF_VERSION_METADATA?.id));
  const origins = readOrigins(env);
  if (origins.length > 0) app.use(crossOrigin(origins));
  const session = d1Session(env.DB, clock);
  app.route('/', publicRoutes(session));
  app.route(
    '/',
    evaluationRoutes({
      protect: bearerAuth(async () => createVerifier(readSettings(env), clock), accountLimit(env.RATE_LIMITER, clock)),
      session,
      evaluations: createEvaluationStore(clock),
    }),
  );
  app.notFound(renderPathNotFound);
  app.onError(renderFailure);
  return app;
}
