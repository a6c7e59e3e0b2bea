/** What needs no token: the document of the API, and whether the database answers. */
import { Hono } from 'hono';
import { statement } from './db/statement.ts';
import { databaseUnavailable, Failure, messageOf } from './failure.ts';
import type { AppEnv } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';
import type { OpenSession } from './http/session.ts';
import document from './openapi.json';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

const ping = statement<object, { one: 1 }>('SELECT 1 AS one');

export function serviceRoutes(session: OpenSession) {
  const routes = new Hono<AppEnv>();
  let text: string | undefined;

  routes.get('/openapi.json', (c) => {
    c.get('log').operation = 'getDocument';
    text ??= JSON.stringify(document);
    return respond(c, 200, text, {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${DOCUMENT_MAX_AGE_SECONDS}`,
    });
  });

  routes.get('/health', session('probe'), async (c) => {
    c.get('log').operation = 'getHealth';
    await c
      .get('connection')
      .run(ping, () => ({}))
      .catch(unhealthy);
    return respondJson(c, 200, { status: 'ok' });
  });

  routes.all('/openapi.json', methodNotAllowed('GET, HEAD'));
  routes.all('/health', methodNotAllowed('GET, HEAD'));
  return routes;
}

/** Whatever keeps the database from answering, the probe that asks has to hear 503. */
function unhealthy(thrown: unknown): never {
  if (thrown instanceof Failure) throw thrown;
  throw databaseUnavailable(5, messageOf(thrown));
}
