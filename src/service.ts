/** Serves two routes that need no token: the health of the database, and the OpenAPI document. */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { d1Store } from './db/d1.ts';
import { countNewestMigration } from './db/sql.generated.ts';
import { collectMessages, databaseUnavailable, Failure, lacksMigrations } from './failure.ts';
import { type AppEnv, Hono } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';

type OpenApiDocument = {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string; readonly description: string }[];
};

const DOCUMENT_MAX_AGE_SECONDS = 3600;

/** An isolate probes the database at most once in this time, even if many callers ask. */
const HEALTH_SECONDS = 1;
/** Equals ANSWER_MAX_MS, the timeout of one attempt of a query. */
const HEALTH_TIMEOUT_MS = 5000;
/** If a probe has no result after this time, the platform has stopped it. */
const HEALTH_WAIT_MS = HEALTH_TIMEOUT_MS + 500;

/**
 * Creates the routes `/openapi.json` and `/health`.
 * @throws {Failure} `database_unavailable`, when `/health` runs and D1 does not answer or lacks
 * migrations.
 */
export function serviceRoutes(
  db: D1Database,
  clock: Clock,
  loadDocument: () => Promise<OpenApiDocument>,
) {
  const routes = new Hono<AppEnv>();
  let document: ReturnType<typeof prepareDocument> | undefined;

  routes.get('/openapi.json', async (c) => {
    c.get('log').operation = 'getDocument';
    document ??= prepareDocument(await loadDocument());
    return respond(c, 200, document(new URL(c.req.url).origin), {
      'content-type': 'application/json',
      // A stranger may choose the origin in the document. Without `private`, a shared cache could
      // serve this origin to everybody.
      'cache-control': `private, max-age=${DOCUMENT_MAX_AGE_SECONDS}`,
    });
  });

  let probe: Probe | undefined;

  routes.get('/health', async (c) => {
    c.get('log').operation = 'getHealth';
    const at = clock.now().getTime();
    if (!probe || Math.abs(at - probe.at) >= HEALTH_SECONDS * 1000) {
      probe = { at, result: undefined };
      // Other callers wait for this probe too, so it must outlive the caller that started it.
      waitUntil(runProbe(probe, db, clock));
    }
    const awaited = probe;
    await waitWhile(clock, HEALTH_WAIT_MS, () => awaited.result === undefined);
    const result = awaited.result ?? databaseUnavailable(5, 'the probe was ended');
    if (result !== 'ok') throw result;
    return respondJson(c, 200, { status: 'ok' });
  });

  routes.all('/openapi.json', methodNotAllowed('GET, HEAD'));
  routes.all('/health', methodNotAllowed('GET, HEAD'));
  return routes;
}

/**
 * Returns a function that writes the document as JSON, with an origin as its server. The function
 * keeps no origin, because strangers may send any.
 */
function prepareDocument({ openapi, servers, ...rest }: OpenApiDocument) {
  const tail = JSON.stringify(rest).slice('{'.length);
  return (origin: string): string => {
    const head = { openapi, servers: servers.map((server) => ({ ...server, url: origin })) };
    return `${JSON.stringify(head).slice(0, -'}'.length)},${tail}`;
  };
}

type Probe = { readonly at: number; result: 'ok' | Failure | undefined };

async function runProbe(probe: Probe, db: D1Database, clock: Clock): Promise<void> {
  probe.result = await probeDatabase(db, clock);
}

async function probeDatabase(db: D1Database, clock: Clock): Promise<'ok' | Failure> {
  try {
    // All callers share the result of the probe, so the probe ignores a caller's bookmark.
    const probe = connect(d1Store(db, 'first-unconstrained'), clock).read(countNewestMigration, {});
    const [row] = await withTimeout(clock, HEALTH_TIMEOUT_MS, probe);
    return row?.applied === 1 ? 'ok' : lacksMigrations('the newest is not applied');
  } catch (thrown) {
    const hasNone = collectMessages(thrown).includes('no such table: d1_migrations');
    return hasNone ? lacksMigrations('none is applied') : toFailure(thrown);
  }
}

const toFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, collectMessages(thrown));
