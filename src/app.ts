/**
 * Creates the app: connects the middleware, the authentication, the routes and the rendering of
 * failures. Each isolate creates one app.
 */
import { createVerifier } from './auth/verifier.ts';
import { type Clock, systemClock } from './clock.ts';
import { objectStore } from './db/account-object.ts';
import { d1Store } from './db/d1.ts';
import { evaluationRoutes } from './evaluation/routes.ts';
import { bearerAuth } from './http/bearer-auth.ts';
import {
  type AppEnv,
  createOpenConnection,
  type FindStore,
  Hono,
  requestContext,
} from './http/context.ts';
import { crossOrigin } from './http/cors.ts';
import { renderFailure, renderPathNotFound } from './http/errors.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import { labelRoutes } from './label/routes.ts';
import { createLinkKeys } from './link/key.ts';
import { linkRoutes } from './link/routes.ts';
import { referenceRoutes } from './reference/routes.ts';
import { serviceRoutes } from './service.ts';
import { type AccountObjects, findPlace, readOrigins, readSettings } from './settings.ts';

/** Imports the document at the first request for it, so a cold start does not wait. */
const loadDocument = async () => (await import('./openapi.generated.json')).default;

/**
 * Creates a function that finds the store of an account. The function reads the settings, and
 * throws if a setting is wrong.
 */
function createFindStore(env: Env): FindStore {
  let accountObjects: AccountObjects | undefined;
  return (account, from) => {
    accountObjects ??= readSettings(env).accountObjects;
    const place = findPlace(accountObjects, account);
    return place === undefined
      ? d1Store(env.DB, from)
      : objectStore(env.ACCOUNT_OBJECT, account, place);
  };
}

/**
 * Creates the app from the bindings and variables of a deployment. Never throws: a wrong setting
 * fails only the requests that need settings.
 */
export function createApp(env: Env, clock: Clock = systemClock) {
  const app = new Hono<AppEnv>();
  app.use(requestContext(clock, env.CF_VERSION_METADATA?.id));
  const origins = readOrigins(env);
  if (origins.length > 0) app.use(crossOrigin(origins));
  const openConnection = createOpenConnection(createFindStore(env), clock);
  const rateLimit = createRateLimiter(env.RATE_LIMITER, clock);
  const requireAuth = bearerAuth(
    async () => {
      const settings = readSettings(env);
      return { verify: await createVerifier(settings, clock), tokenHeader: settings.tokenHeader };
    },
    { rateLimit, openConnection },
  );
  app.route('/', referenceRoutes());
  app.route('/', serviceRoutes(env.DB, clock, loadDocument));
  app.route('/', labelRoutes(requireAuth));
  app.route('/', evaluationRoutes(requireAuth));
  const prepareKeys = async () => createLinkKeys(readSettings(env).linkSecret);
  app.route('/', linkRoutes({ requireAuth, openConnection, rateLimit, prepareKeys }));
  app.notFound(renderPathNotFound);
  app.onError(renderFailure);
  return app;
}
