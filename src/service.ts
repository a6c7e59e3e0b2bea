/**
 * Serves two routes that need no token: the health of the database, and the OpenAPI document.
 * The document names the origin of the request as its server. If the server were `/`, clients that
 * some tools generate from the document would use the URL `//v1/…`. They would send the token to a
 * host named `v1`.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { d1Store } from './db/d1.ts';
import { countNewestMigration } from './db/sql.generated.ts';
import { databaseUnavailable, Failure, lacksMigrations, messageOf } from './failure.ts';
import { type AppEnv, Hono } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';

/** The generated OpenAPI document. Its server is an example, which prepareDocument replaces. */
type OpenApiDocument = {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string; readonly description: string }[];
};

const DOCUMENT_MAX_AGE_SECONDS = 3600;

/**
 * The result of a probe of the database serves all requests to `/health` for this long. So an
 * isolate probes the database at most once a second, even if many callers ask.
 */
const HEALTH_SECONDS = 1;
/** The timeout of a probe. It equals ANSWER_MAX_MS, the timeout of one attempt of a query. */
const HEALTH_TIMEOUT_MS = 5000;
/**
 * The longest time that a request waits for the result of a probe. A probe ends within
 * HEALTH_TIMEOUT_MS. So if it has no result after HEALTH_WAIT_MS, the platform has stopped the
 * probe, together with the request that started the probe.
 */
const HEALTH_WAIT_MS = HEALTH_TIMEOUT_MS + 500;

/**
 * Creates the routes `/openapi.json` and `/health`. If D1 does not answer or lacks migrations,
 * `/health` throws the failure `database_unavailable`.
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
    // The first request for the document imports and prepares it. A cold start need not wait for
    // this work.
    document ??= prepareDocument(await loadDocument());
    return respond(c, 200, document(new URL(c.req.url).origin), {
      'content-type': 'application/json',
      // The document contains the origin of the request, which a stranger may choose. `private`
      // tells shared caches not to store the document. Otherwise a shared cache that ignores the
      // host would serve the stranger's origin to everybody.
      'cache-control': `private, max-age=${DOCUMENT_MAX_AGE_SECONDS}`,
    });
  });

  let probe: Probe | undefined;

  routes.get('/health', async (c) => {
    c.get('log').operation = 'getHealth';
    const at = clock.now().getTime();
    if (!probe || Math.abs(at - probe.at) >= HEALTH_SECONDS * 1000) {
      probe = { at, result: undefined };
      // Other callers wait for this probe too. So waitUntil keeps the probe running if the caller
      // that started it disconnects.
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
 * Returns a function that returns the document as JSON. The function's argument becomes the server
 * of the document. The argument is the origin of the request's URL, never a header such as
 * `X-Forwarded-Host`.
 * Strangers can send any origin. The function keeps no origin in memory, so a stranger can neither
 * fill the memory nor change the document of other callers.
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

/** Returns `ok`, or the failure of the database. Never rejects. */
async function probeDatabase(db: D1Database, clock: Clock): Promise<'ok' | Failure> {
  try {
    // The probe does not use the caller's bookmark: all callers share its result, and a stranger
    // could send a bookmark for a state that D1 has not reached yet.
    const probe = connect(d1Store(db, 'first-unconstrained'), clock).read(countNewestMigration, {});
    const [row] = await withTimeout(clock, HEALTH_TIMEOUT_MS, probe);
    return row?.applied === 1 ? 'ok' : lacksMigrations('the newest is not applied');
  } catch (thrown) {
    const hasNone = messageOf(thrown).includes('no such table: d1_migrations');
    return hasNone ? lacksMigrations('none is applied') : toFailure(thrown);
  }
}

/** Turns an error of the probe into a failure. Every error that is no failure becomes a 503. */
const toFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, messageOf(thrown));
