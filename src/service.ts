/** The routes that need no token: whether the database answers, and the OpenAPI document, which app.ts hands in. */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { countNewestMigration } from './db/sql.generated.ts';
import { databaseUnavailable, Failure, lacksMigrations, messageOf } from './failure.ts';
import { type AppEnv, Hono } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

/** Each isolate asks the database at most once in this time, however many callers ask for the health. */
const HEALTH_SECONDS = 1;
/** The same as for one attempt of a connection (db/connection.ts). */
const HEALTH_TIMEOUT_MS = 5000;
/** A probe that has not settled by then was ended by the platform, together with the request that started it. */
const HEALTH_WAIT_MS = HEALTH_TIMEOUT_MS + 500;

export function serviceRoutes(db: D1Database, clock: Clock, document: () => Promise<object>) {
  const routes = new Hono<AppEnv>();
  let text: string | undefined;

  routes.get('/openapi.json', async (c) => {
    c.get('log').operation = 'getDocument';
    // Made by the first request for it, so that it costs no isolate its start-up.
    text ??= JSON.stringify(await document());
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
      probe = { at, failure: probeDatabase(db, clock) };
      // It belongs to the isolate: a caller that disconnects must not take it from the others who wait for it.
      waitUntil(probe.failure);
    }
    const failure = await withTimeout(clock, HEALTH_WAIT_MS, probe.failure).catch(asFailure);
    if (failure) throw failure;
    return respondJson(c, 200, { status: 'ok' });
  });

  routes.all('/openapi.json', methodNotAllowed('GET, HEAD'));
  routes.all('/health', methodNotAllowed('GET, HEAD'));
  return routes;
}

/** Returns what is wrong with the database, or undefined. Never rejects. */
async function probeDatabase(db: D1Database, clock: Clock): Promise<Failure | undefined> {
  try {
    // A stranger's bookmark could be from the future, so the probe reads none and returns none.
    const probe = connect(db, clock, 'first-unconstrained').read(countNewestMigration, {});
    const [row] = await withTimeout(clock, HEALTH_TIMEOUT_MS, probe);
    return row?.applied === 1 ? undefined : lacksMigrations('the newest is not applied');
  } catch (thrown) {
    const hasNone = messageOf(thrown).includes('no such table: d1_migrations');
    return hasNone ? lacksMigrations('none is applied') : asFailure(thrown);
  }
}

/** Turns any fault of the probe into a 503. */
const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, messageOf(thrown));
