/**
 * Creates the app: connects the middleware, the authentication, the routes and the code that turns
 * failures into responses. Each isolate creates one app. All requests of the isolate share the
 * app's settings and keys.
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

/**
 * Imports the OpenAPI document. Only the first request for the document imports it, so a cold start
 * does not wait for the import.
 */
const loadDocument = async () => (await import('./openapi.generated.json')).default;

/**
 * Creates a function that finds the store of an account. The store has the account's rows. It is D1
 * or a Durable Object of the account, as the setting ACCOUNT_OBJECTS tells.
 * The created function throws if a setting is wrong. So the app calls it only after the
 * authentication, which has checked the settings.
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
 * Creates the app from the bindings and variables of a deployment. Never throws. If a setting is
 * wrong, only the requests that need settings fail.
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
