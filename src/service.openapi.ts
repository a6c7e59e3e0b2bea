/**
 * Describes the service in the OpenAPI document: the introduction, bearer authentication, health
 * and the document.
 */
import { ACCOUNT_MAX_CHARS, TOKEN_MAX_CHARS } from './limits.ts';
import * as api from './openapi.ts';

export const info = {
  title: 'Run evaluations',
  version: '1.0.0',
  summary: 'The scores of AI runs.',
  description:
    '**Refusals** (4xx) have the body `{"error": "<what to change>"}`, and nothing was stored. ' +
    'Order of the checks: path (404) and method (405, with `Allow`), which need no token; ' +
    'token (401, 403); rate limit (429); ids in the path; headers and query; body; last, the ' +
    "token's restriction and what is stored.\n\n" +
    '**Retries.** After a 503 or a lost response a write may be stored or not: send the same ' +
    'request again. A create is safe to repeat with an `id` or an `Idempotency-Key`; without ' +
    'either, each request creates another resource. An update is safe to repeat. With an ' +
    '`Idempotency-Key`, the update of an evaluation is safe to repeat late too: the response is ' +
    'what the first attempt stored, and the retry undoes nothing.\n\n' +
    '**Bookmarks.** Reads may come from a replica that lags behind. Every response of the ' +
    'database D1, except a 404 and `/health`, has `x-d1-bookmark`: a read that sends it back ' +
    'sees at least that state. An account in a Durable Object has no replicas and no bookmarks.' +
    '\n\n' +
    '**Headers.** Every response has `x-request-id`: quote it in a report. All are `no-store`, ' +
    'except this document. Those with `ETag` are `no-transform` too, because ' +
    'compression would make the tag weak.\n\n' +
    'UUIDs are accepted in either case and returned in lower case; `account_id`, `created_by` ' +
    'and `updated_by` are plain strings. Times are ISO 8601 in UTC.',
  contact: { name: 'The operator of this deployment' },
  license: { name: 'MIT', identifier: 'MIT' },
};

/**
 * An invented host that nobody can register (RFC 2606). service.ts replaces it with the origin of
 * the request. Keep an absolute URL: with `/`, some generated clients call a host named `v1`
 * (test/clients).
 */
export const server = {
  url: 'https://evaluations.example',
  description: 'Where this document comes from.',
};

export const bearerAuth = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description:
    `A JWT of at most ${api.formatCount(TOKEN_MAX_CHARS)} characters with \`exp\`, \`sub\` (the author ` +
    'of what is written) and `account_id` (the account), each of the two at most ' +
    `${ACCOUNT_MAX_CHARS} characters; the deployment may name other claims, and another header ` +
    'than `Authorization`. An ID token is refused. The claim `evaluator_id`, a UUID, makes ' +
    'that evaluator the author of what is created. `iss`, `aud` and the client must be what ' +
    'the deployment expects, `nbf` past if present; clocks may differ by 5 seconds. `typ` is ' +
    '`JWT`, `at+jwt` or absent. HS256 or, with a key set, RS256, RS384, RS512, PS256, PS384, ' +
    'PS512, ES256, ES384, ES512 or EdDSA (Ed25519).\n\n' +
    'The claims `run_id` and `evaluation_id` restrict the token to that run or evaluation; ' +
    'elsewhere the response is 404. A token with `run_id` creates and lists in that run only, ' +
    'and reads labels. A token with `evaluation_id` does none of these, and deletes nothing.',
};

export const tag = { name: 'service', description: 'Needs no token.' };

const headers = api.nameComponents({
  PrivateCache: api.header(undefined, { const: 'private, max-age=3600' }),
});
const schemas = api.nameComponents({
  Health: api.objectSchema<{ status: 'ok' }>({ status: { type: 'string', const: 'ok' } }),
});

export const paths = {
  '/openapi.json': {
    get: api.publicOperation(tag, 'getDocument', {
      summary: 'This document',
      description:
        'Its server is the origin of the request. A client may keep it for an hour; a shared ' +
        'cache stores nothing.',
      responses: {
        200: api.response(
          'An OpenAPI 3.1 document.',
          { 'application/json': { schema: { type: 'object' } } },
          { 'cache-control': headers.PrivateCache },
        ),
        405: api.refusals.MethodNotAllowed,
      },
    }),
  },
  '/health': {
    get: api.publicOperation(tag, 'getHealth', {
      summary: 'The health of the database',
      description: 'Probes D1 at most once a second, and no Durable Object.',
      responses: {
        200: api.response('The database answers.', {
          'application/json': { schema: schemas.Health, example: { status: 'ok' } },
        }),
        405: api.refusals.MethodNotAllowed,
        503: api.refusals.Unavailable.withDescription(
          'The database does not answer, or lacks migrations. Ask again after `Retry-After` ' +
            'seconds.',
        ),
      },
    }),
  },
};
