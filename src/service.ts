/**
 * The service itself, which needs no token: whether the database answers, and the OpenAPI document. Each resource keeps
 * its part of the document beside its routes; app.ts hands the parts in, so this file knows no resource.
 */
import { Hono } from 'hono';
import { statement } from './db/statement.ts';
import { databaseUnavailable, Failure, messageOf } from './failure.ts';
import type { AppEnv } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';
import type { OpenSession } from './http/session.ts';
import service from './openapi.json';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

const ping = statement<object, { one: 1 }>('SELECT 1 AS one');

/** A resource's part of the OpenAPI document: its tags, paths and components, which refer to what openapi.json shares. */
export type DocumentPart = {
  readonly tags: readonly object[];
  readonly paths: object;
  readonly components: { readonly [section: string]: object };
};

export function serviceRoutes(session: OpenSession, resources: readonly DocumentPart[]) {
  const routes = new Hono<AppEnv>();
  let text: string | undefined;

  routes.get('/openapi.json', (c) => {
    c.get('log').operation = 'getDocument';
    // By the first request that asks for it: no start of an isolate waits for it.
    text ??= JSON.stringify(documentOf([...resources, service]));
    return respond(c, 200, text, {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${DOCUMENT_MAX_AGE_SECONDS}`,
    });
  });

  routes.get('/health', session('probe'), async (c) => {
    c.get('log').operation = 'getHealth';
    await c.get('connection').read(ping, {}).catch(unhealthy);
    return respondJson(c, 200, { status: 'ok' });
  });

  routes.all('/openapi.json', methodNotAllowed('GET, HEAD'));
  routes.all('/health', methodNotAllowed('GET, HEAD'));
  return routes;
}

/** The document put together. No two parts may define the same name, which test/dev/document.test.ts holds. */
function documentOf(parts: readonly DocumentPart[]): object {
  const components: { [section: string]: object } = {};
  for (const [section, named] of parts.flatMap((part) => Object.entries(part.components))) {
    components[section] = { ...components[section], ...named };
  }
  const paths = Object.assign({}, ...parts.map((part) => part.paths));
  return { ...service, tags: parts.flatMap(({ tags }) => tags), paths, components };
}

/** Whatever keeps the database from answering, the probe that asks has to hear 503. */
function unhealthy(thrown: unknown): never {
  if (thrown instanceof Failure) throw thrown;
  throw databaseUnavailable(5, messageOf(thrown));
}
