/** The service itself, which needs no token: whether each database answers, and the OpenAPI document, which app.ts hands in. */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { type Database, forEachDatabase, MAIN_DATABASE } from './db/databases.ts';
import { countNewestMigration } from './db/migration.ts';
import { databaseUnavailable, Failure, lacksMigrations, messageOf } from './failure.ts';
import type { AppEnv } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { Hono } from './http/hono.ts';
import { respond, respondJson } from './http/response.ts';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

/** However many ask for the health, each isolate asks each database once in this time. */
const HEALTH_SECONDS = 1;
/** As long as an attempt of a connection (db/connection.ts), for all databases together. */
const HEALTH_TIMEOUT_MS = 5000;
/** By then the answer is there, unless the request that asks for everyone was ended. */
const HEALTH_WAIT_MS = HEALTH_TIMEOUT_MS + 500;

export function serviceRoutes(databases: readonly Database[], clock: Clock, document: () => Promise<object>) {
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
      probe = { at, failure: failureOf(databases, clock) };
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

/** What is wrong with the databases: the sentence is about the first one, the log has all. Never rejects. */
async function failureOf(databases: readonly Database[], clock: Clock): Promise<Failure | undefined> {
  const deadline = clock.now().getTime() + HEALTH_TIMEOUT_MS;
  const ask = async (database: Database) => {
    const left = deadline - clock.now().getTime();
    if (left <= 0) throw new Error('was not asked, because others did not answer');
    // A stranger's bookmark could be from the future, so none is read, and none is given.
    return withTimeout(clock, left, connect(database, clock, 'first-unconstrained').read(countNewestMigration, {}));
  };
  const failures = await forEachDatabase(databases, async (database) => {
    const failure = await ask(database).then(
      ([row]) => (row?.applied === 1 ? undefined : lacksMigrations(database.name, 'the newest is not applied')),
      (thrown: unknown) =>
        messageOf(thrown).includes('no such table: d1_migrations')
          ? lacksMigrations(database.name, 'none is applied')
          : asFailure(thrown),
    );
    return failure && { failure, cause: `${database.name}: ${failure.log.cause}` };
  });
  if (!databases.some(({ name }) => name === MAIN_DATABASE)) {
    const cause = `${MAIN_DATABASE} is not bound`;
    failures.unshift({ failure: databaseUnavailable(5, cause), cause });
  }
  const found = failures.filter((failure) => failure !== undefined);
  const [first] = found;
  if (first === undefined) return undefined;
  const { code, message, headers } = first.failure;
  return new Failure(code, message, headers, { cause: found.map(({ cause }) => cause).join('; ') });
}

/** Whatever keeps a database from answering, who asks for the health gets 503. */
const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, messageOf(thrown));
