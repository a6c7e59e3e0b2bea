/** The service itself, which needs no token: whether the database answers, and the OpenAPI document, which app.ts hands in. */
import { waitUntil } from 'cloudflare:workers';
import { Hono } from 'hono';
import { type Clock, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { statement } from './db/statement.ts';
import { databaseUnavailable, Failure, messageOf } from './failure.ts';
import type { AppEnv } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

const ping = statement<object, { one: 1 }>('SELECT 1 AS one');

/** However many ask for the health, each isolate asks D1 once in this time. */
const HEALTH_SECONDS = 1;
/** As long as an attempt of a connection (db/connection.ts). */
const HEALTH_TIMEOUT_MS = 5000;

export function serviceRoutes(db: D1Database, clock: Clock, document: () => object) {
  const routes = new Hono<AppEnv>();
  let text: string | undefined;

  routes.get('/openapi.json', (c) => {
    c.get('log').operation = 'getDocument';
    // Made by the first request for it, so that it costs no isolate its start-up.
    text ??= JSON.stringify(document());
    return respond(c, 200, text, {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${DOCUMENT_MAX_AGE_SECONDS}`,
    });
  });

  let probe: { readonly at: number; readonly failure: Promise<Failure | undefined> } | undefined;

  routes.get('/health', async (c) => {
    c.get('log').operation = 'getHealth';
    const at = clock.now().getTime();
    if (!probe || Math.abs(at - probe.at) >= HEALTH_SECONDS * 1000) {
      // A stranger's bookmark could be from the future, so none is read, and none is given.
      const answer = connect(db, clock, 'first-unconstrained').read(ping, {});
      probe = { at, failure: answer.then(() => undefined, asFailure) };
      // It belongs to the isolate: a caller that disconnects must not take it from the others who wait for it.
      waitUntil(probe.failure);
    }
    const failure = await withTimeout(clock, HEALTH_TIMEOUT_MS, probe.failure).catch(asFailure);
    if (failure) throw failure;
    return respondJson(c, 200, { status: 'ok' });
  });

  routes.all('/openapi.json', methodNotAllowed('GET, HEAD'));
  routes.all('/health', methodNotAllowed('GET, HEAD'));
  return routes;
}

/** Whatever keeps the database from answering, who asks for the health gets 503. */
const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, messageOf(thrown));
