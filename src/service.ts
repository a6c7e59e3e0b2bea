/**
 * The service itself, which needs no token: whether the database answers, and the OpenAPI document. Each resource keeps
 * its part of the document beside its routes; app.ts hands the parts in, so this file knows no resource.
 */
import { waitUntil } from 'cloudflare:workers';
import { Hono } from 'hono';
import { type Clock, withTimeout } from './clock.ts';
import { connect } from './db/connection.ts';
import { statement } from './db/statement.ts';
import { databaseUnavailable, Failure, messageOf } from './failure.ts';
import type { AppEnv } from './http/context.ts';
import { methodNotAllowed } from './http/errors.ts';
import { respond, respondJson } from './http/response.ts';
import service from './openapi.json';

const DOCUMENT_MAX_AGE_SECONDS = 3600;

const ping = statement<object, { one: 1 }>('SELECT 1 AS one');

/** However many ask for the health, each isolate asks D1 once in this time. */
const HEALTH_SECONDS = 1;
/** As long as an attempt of a connection (db/connection.ts). */
const HEALTH_TIMEOUT_MS = 5000;

/** A resource's part of the OpenAPI document: its tags, paths and components, which refer to what openapi.json shares. */
export type DocumentPart = {
  readonly tags: readonly object[];
  readonly paths: object;
  readonly components: { readonly [section: string]: object };
};

export function serviceRoutes(db: D1Database, clock: Clock, resources: readonly DocumentPart[]) {
  const routes = new Hono<AppEnv>();
  let text: string | undefined;

  routes.get('/openapi.json', (c) => {
    c.get('log').operation = 'getDocument';
    // Made by the first request for it, so that it costs no isolate its start-up.
    text ??= JSON.stringify(documentOf([...resources, service]));
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

/** The document put together. No two parts may define the same name, which test/node/document.test.ts holds. */
function documentOf(parts: readonly DocumentPart[]): object {
  const components: { [section: string]: object } = {};
  for (const [section, named] of parts.flatMap((part) => Object.entries(part.components))) {
    components[section] = { ...components[section], ...named };
  }
  const paths = Object.assign({}, ...parts.map((part) => part.paths));
  return { ...service, tags: parts.flatMap(({ tags }) => tags), paths, components };
}

/** Whatever keeps the database from answering, who asks for the health gets 503. */
const asFailure = (thrown: unknown): Failure =>
  thrown instanceof Failure ? thrown : databaseUnavailable(5, messageOf(thrown));
