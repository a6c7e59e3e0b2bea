/**
 * Tests that the Worker sends every status and every example that the OpenAPI document declares.
 * test/support/document.ts checks every response against the document.
 */
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { parseEvaluationCreate, parseEvaluationUpdate } from '../src/evaluation/input.ts';
import { Failure } from '../src/failure.ts';
import { parseLabelCreate, parseLabelUpdate } from '../src/label/input.ts';
import {
  ACCOUNT_MAX_CHARS,
  CATEGORIES_MAX_COUNT,
  CATEGORY_MAX_CHARS,
  FIELD_PATH_MAX_CHARS,
  LABEL_DESCRIPTION_MAX_CHARS,
  LABEL_NAME_MAX_CHARS,
  LINK_BODY_MAX_BYTES,
  LINK_MAX_SECONDS,
  LINK_NAME_MAX_CHARS,
  OUTPUT_NAME_MAX_CHARS,
  POINTER_MAX_CHARS,
  SUBJECT_MAX_CHARS,
} from '../src/limits.ts';
import { parseLinkCreate } from '../src/link/input.ts';
import generated from '../src/openapi.generated.json';
import { createStillClock } from './support/clock.ts';
import { makeFlakyD1 } from './support/d1.ts';
import { DOCUMENTED, document, findResponse, listErrors } from './support/document.ts';
import { createLinkTo, visit } from './support/links.ts';
import { OPERATIONS } from './support/operations.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  DB,
  mintToken,
  request,
  type Send,
  storeEvaluation,
  storeLabelled,
  worker,
} from './support/worker.ts';

const ORDER = DOCUMENTED.flatMap(({ operation }) =>
  Object.keys(operation.responses).map(
    (status) => [operation.operationId, Number(status)] as const,
  ),
);

type Provoke = (operation: string) => Promise<Response>;

/** Sends a valid request of the operation, with `change` applied. */
async function send(
  operation: string,
  change: {
    headers?: Record<string, string | null>;
    body?: BodyInit;
    path?: (path: string) => string;
    method?: string;
    to?: Send;
  } = {},
): Promise<Response> {
  const { headers = {}, body, path = (same: string) => same, method = 'GET', to = worker } = change;
  if (/ByLink$/.test(operation))
    return sendToLink(operation, { headers, ...(body === undefined ? {} : { body }), to });
  const found = OPERATIONS.find(({ name }) => name === operation);
  if (!found) {
    const path = { getHealth: '/health', getDocument: '/openapi.json' }[operation];
    if (path === undefined) throw new Error(`test/support/operations.ts has no ${operation}`);
    return to(await request(path, { method }));
  }
  const sent = await found.requestFor(
    await storeLabelled({ min_value: 1, max_value: 10 }),
    headers,
  );
  const url = new URL(sent.url);
  const isWithBody = body !== undefined && sent.method !== 'GET';
  return to(
    new Request(
      `${url.origin}${path(url.pathname)}`,
      isWithBody ? new Request(sent, { body }) : sent,
    ),
  );
}

/** Sends a request to a new link, which reads `yes` as 10 and `no` as 1. */
async function sendToLink(
  operation: string,
  {
    headers = {},
    body = '{"value":9}',
    to = worker,
    key,
    where = null,
  }: { headers?: object; body?: BodyInit; to?: Send; key?: string; where?: object | null },
): Promise<Response> {
  const row = await storeLabelled({ min_value: 1, max_value: 10 });
  const { url } = await createLinkTo(row, { values: { yes: 10, no: 1 }, where });
  const sent = Object.entries(headers).filter(([, value]) => value !== null);
  const init = operation === 'getEvaluationByLink' ? {} : { method: 'POST', body };
  return to(
    visit(key === undefined ? url : `https://api.test/v1/link?key=${key}`, {
      ...init,
      headers: Object.fromEntries(sent),
    }),
  );
}

const FORGED_KEY = `e30.${'A'.repeat(43)}`;

const AS_JSON = { accept: 'application/json' };

/** Makes a link answer with a status. `PROVOKE` has the other statuses. */
const PROVOKE_OF_LINK: Record<number, Provoke> = {
  204: (operation) => sendToLink(operation, { where: { '/value': 8 } }),
  304: (operation) => sendToLink(operation, { headers: { ...AS_JSON, 'if-none-match': '*' } }),
  400: (operation) =>
    sendToLink(operation, { headers: { ...AS_JSON, 'if-match': 'x' }, body: '{' }),
  412: (operation) => sendToLink(operation, { headers: { ...AS_JSON, 'if-match': '"x"' } }),
  404: (operation) => sendToLink(operation, { key: FORGED_KEY }),
  413: (operation) => sendToLink(operation, { body: 'x'.repeat(LINK_BODY_MAX_BYTES + 1) }),
  415: (operation) => sendToLink(operation, { headers: { 'content-encoding': 'br' } }),
  422: (operation) => sendToLink(operation, { body: '{}' }),
};

const makeDownD1 = (message: string) =>
  createWorker({ DB: makeFlakyD1(DB, message, 'fails').db }, createStillClock(new Date()));

const limited = createWorker({ RATE_LIMITER: { limit: async () => ({ success: false }) } });

/**
 * Sends a request twice, the second time with `change` and the same id or idempotency key.
 */
async function sendTwice(
  operation: string,
  change: object,
  key: string | null = null,
): Promise<Response> {
  const found = OPERATIONS.find(({ name }) => name === operation);
  const row = await storeLabelled({});
  const send = async (more: object) => {
    const ownId = key === null ? found?.repeatable : undefined;
    const body = (of: typeof row) => ({ ...(ownId?.body ?? found?.body)?.(of), ...more });
    const headers = { 'idempotency-key': key };
    return worker(found ? await found.requestFor(row, headers, { body }) : await request('/'));
  };
  await send({});
  return send(change);
}

type Entry = (typeof OPERATIONS)[number];
type Changes = readonly Parameters<Entry['requestFor']>[2][];

async function sendInTurn(
  operation: string,
  listChanges: (entry: Entry) => Changes,
): Promise<Response> {
  const entry = OPERATIONS.find(({ name }) => name === operation);
  if (!entry) throw new Error(`${operation} is not in support/operations.ts`);
  const row = await storeLabelled({ min_value: 1, max_value: 10 });
  let response = Response.error();
  for (const change of listChanges(entry))
    response = await worker(await entry.requestFor(row, {}, change));
  return response;
}

const isRepeatable = (operation: string) =>
  OPERATIONS.some(({ name, repeatable }) => name === operation && repeatable);

const PROVOKE: Record<number, Provoke> = {
  200: (operation) =>
    isRepeatable(operation)
      ? sendInTurn(operation, ({ repeatable = {} }) => [repeatable, repeatable])
      : send(operation),
  201: (operation) => send(operation),
  204: (operation) => send(operation),
  304: (operation) => send(operation, { headers: { 'if-none-match': '*' } }),
  400: (operation) =>
    send(operation, { path: (path) => `${path.replace(/[0-9a-f-]{36}/, 'x')}?limit=0`, body: '{' }),
  401: (operation) => send(operation, { headers: { authorization: null } }),
  403: (operation) =>
    send(operation, { to: createWorker({ JWT_REQUIRED_SCOPE: 'evaluations:write' }) }),
  404: async (operation) =>
    send(operation, {
      headers: {
        authorization: `Bearer ${await mintToken({ evaluation_id: crypto.randomUUID() })}`,
      },
    }),
  405: (operation) => send(operation, { method: 'PATCH' }),
  409: (operation) =>
    sendInTurn(operation, ({ repeatable }) =>
      repeatable ? [repeatable, { body: repeatable.conflicting }] : [],
    ),
  412: (operation) => send(operation, { headers: { 'if-match': '"x"' } }),
  413: (operation) => send(operation, { body: 'x'.repeat(65_537) }),
  415: (operation) => send(operation, { headers: { 'content-type': 'text/plain' } }),
  422: (operation) =>
    sendInTurn(operation, ({ forbidden }) => Object.values(forbidden).slice(0, 1)),
  429: (operation) => send(operation, { to: limited }),
  500: (operation) => send(operation, { to: createWorker({ JWT_SECRET: '' }) }),
  503: (operation) => send(operation, { to: makeDownD1('D1 DB is overloaded.') }),
};

describe('each status that is declared', () => {
  it.each(ORDER)(
    'the Worker answers with each declared status: %s %d',
    async (operation, status) => {
      const provoke =
        (/ByLink$/.test(operation) ? PROVOKE_OF_LINK[status] : undefined) ?? PROVOKE[status];
      expect((await provoke?.(operation))?.status).toBe(status);
    },
  );
});

describe('each operationId', () => {
  it.each(DOCUMENTED.map(({ operation }) => operation.operationId))(
    'the log names each operation by its operationId: %s',
    async (operationId) => {
      const logged = vi.spyOn(console, 'log');
      await send(operationId);
      expect(JSON.parse(String(logged.mock.calls.flat().at(-1)))).toMatchObject({
        operation: operationId,
      });
    },
  );

  it('the matrix of operations has each protected operation', () => {
    const protectedOnes = DOCUMENTED.filter(({ operation }) => !('security' in operation));
    expect(protectedOnes.map(({ operation }) => operation.operationId).sort()).toEqual(
      OPERATIONS.map(({ name }) => name).sort(),
    );
  });
});

describe('each example of a failure', () => {
  const [update, createLabel, updateLabel] = [
    'updateEvaluation',
    'createEvaluationLabel',
    'updateEvaluationLabel',
  ];
  const [createLink, byLink] = ['createEvaluationLink', 'updateEvaluationByLink'];
  const KEY = 'key-1';
  const NAN = '{"value":8,"latency":NaN}';
  const versions = (count: number) =>
    Array.from({ length: count }, (_, n) => `"${new Date(n).toISOString()}"`).join();
  const failing: Record<string, Record<string, () => Promise<Response>>> = {
    BadRequest: {
      path: () => send(update, { path: (path) => path.replace(/[^/]+$/, 'x') }),
      run: () => send('listEvaluations', { path: (path) => path.replace(/run\/[^/]+/, 'run/x') }),
      'if-match': () => send(update, { headers: { 'if-match': 'x' } }),
      'if-none-match': () => send(update, { headers: { 'if-none-match': '*' } }),
      precondition: () => send('createEvaluation', { headers: { 'if-match': '*' } }),
      tags: () => send(update, { headers: { 'if-match': versions(101) } }),
      key: () => send(update, { headers: { 'idempotency-key': 'a b' } }),
      limit: () => send('listEvaluations', { path: (path) => `${path}?limit=0` }),
      cursor: () => send('listEvaluations', { path: (path) => `${path}?cursor=x` }),
      json: () => send(update, { body: '{' }),
      form: () => send(update, { body: 'value=8' }),
      place: () => send(update, { body: NAN }),
      value: () => send(update, { body: '{"value":"9"}' }),
      label: () => send('createEvaluation', { body: '{"evaluation_label_id":"x","value":9}' }),
    },
    Unauthorized: {
      none: () => send(update, { headers: { authorization: null } }),
      expired: async () =>
        send(update, { headers: { authorization: `Bearer ${await mintToken({ exp: 1 })}` } }),
    },
    Forbidden: {
      scope: () => send(update, { to: createWorker({ JWT_REQUIRED_SCOPE: 'evaluations:write' }) }),
    },
    NotFound: {
      evaluation: () =>
        send(update, { path: (path) => path.replace(/[^/]+$/, crypto.randomUUID()) }),
      label: () =>
        send('createEvaluation', {
          body: `{"evaluation_label_id":"${crypto.randomUUID()}","value":9}`,
        }),
    },
    Conflict: {
      id: () => sendTwice('createEvaluation', { value: 6 }),
      key: () => sendTwice('createEvaluation', { value: 6 }, KEY),
    },
    MethodNotAllowed: { public: () => send('getHealth', { method: 'PATCH' }) },
    PreconditionFailed: { stale: () => send(update, { headers: { 'if-match': '"x"' } }) },
    ContentTooLarge: { size: () => send(update, { body: 'x'.repeat(65_537) }) },
    UnsupportedMediaType: {
      type: () => send(update, { headers: { 'content-type': 'text/plain' } }),
      form: () =>
        send(update, {
          body: 'value=8',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
      encoding: () => send(update, { headers: { 'content-encoding': 'gzip' } }),
    },
    UnprocessableContent: {
      label: () => send(update, { body: '{"value":11}' }),
      key: () => sendTwice(update, { value: 5 }, KEY),
      archived: async () => {
        const { evaluation_label_id } = await storeLabelled({
          archived_at: '2026-02-01T00:00:00.000Z',
        });
        return send('createEvaluation', {
          body: JSON.stringify({ evaluation_label_id, value: 5 }),
        });
      },
      field: () => send(update, { body: '{"value":5,"account_id":"acc_neighbour"}' }),
    },
    LabelBadRequest: {
      limit: () => send('listEvaluationLabels', { path: (path) => `${path}?limit=0` }),
      type: () => send(createLabel, { body: '{"name":"tone","value_type":"percentage"}' }),
      order: () =>
        send(createLabel, {
          body: '{"name":"tone","value_type":"continuous","min_value":2,"max_value":1}',
        }),
      categories: () =>
        send(createLabel, {
          body: '{"name":"tone","value_type":"ordinal","categories":["a","a"]}',
        }),
      nothing: () => send(updateLabel, { body: '{}' }),
    },
    LabelNotFound: {
      label: () =>
        send(updateLabel, { path: (path) => path.replace(/[^/]+$/, crypto.randomUUID()) }),
    },
    LabelConflict: {
      taken: () => sendTwice(createLabel, { name: 'other' }),
      key: () => sendTwice(createLabel, { name: 'other' }, KEY),
    },
    LabelPreconditionFailed: { stale: () => send(updateLabel, { headers: { 'if-match': '"x"' } }) },
    LabelUnprocessable: {
      rule: () => send(updateLabel, { body: '{"name":"tone","categories":["a"]}' }),
      field: () =>
        send(createLabel, {
          body: '{"name":"tone","value_type":"binary","account_id":"acc_neighbour"}',
        }),
      key: () => sendTwice(updateLabel, { name: 'other' }, KEY),
    },
    LinkBadRequest: {
      expires: () => send(createLink, { body: '{"expires_in":59}' }),
      name: () => send(createLink, { body: '{"name":"a b"}' }),
      pointer: () => send(createLink, { body: '{"pointer":"value"}' }),
      gzip: () => send(byLink, { headers: { 'content-encoding': 'gzip' } }),
      delivery: () => send(createLink, { body: '{"delivery":"id"}' }),
      place_of_value: () => send(createLink, { body: '{"pointer":"/a","path":"$.a"}' }),
      values: () => send(createLink, { body: '{"values":[1]}' }),
      where: () => send(createLink, { body: '{"where":{"/a":[]}}' }),
      json: () => send(byLink, { body: '{' }),
      form: () => send(byLink, { body: 'value=8' }),
      place: () => send(byLink, { body: NAN }),
      incomplete: () => sendToLink(byLink, { key: 'e30' }),
    },
    LinkNotFound: { link: () => sendToLink(byLink, { key: FORGED_KEY }) },
    LinkPreconditionFailed: { stale: () => send(byLink, { headers: { 'if-match': '"x"' } }) },
    LinkContentTooLarge: {
      size: () => send(byLink, { body: 'x'.repeat(LINK_BODY_MAX_BYTES + 1) }),
    },
    LinkUnsupportedMediaType: {
      encoding: () => send(byLink, { headers: { 'content-encoding': 'br' } }),
    },
    LinkUnprocessable: {
      nothing: async () =>
        worker(
          visit((await createLinkTo(await storeLabelled({}))).url, { method: 'POST', body: '{}' }),
        ),
      text: () => send(byLink, { body: '{"value":"maybe"}' }),
      label: () => send(byLink, { body: '{"value":11}' }),
      field: () => send(createLink, { body: '{"author":"mallory"}' }),
      path: () => send(createLink, { body: '{"path":"a.b"}' }),
      name: async () => {
        const { url } = await createLinkTo(await storeLabelled({}), { delivery: '/id' });
        return worker(visit(url, { method: 'POST', body: '{"value":7}' }));
      },
      several: async () => {
        const { url } = await createLinkTo(await storeLabelled({}), { path: '$.*' });
        return worker(visit(url, { method: 'POST', body: '[7,8]' }));
      },
    },
    LinkTooManyRequests: { limit: () => send(byLink, { to: limited }) },
    LinkServerFault: { fault: () => send(byLink, { to: createWorker({ JWT_SECRET: '' }) }) },
    LinkUnavailable: {
      database: () => send(byLink, { to: makeDownD1('Network connection lost.') }),
    },
    TooManyRequests: { limit: () => send(update, { to: limited }) },
    ServerFault: { fault: () => send(update, { to: createWorker({ JWT_SECRET: '' }) }) },
    Unavailable: {
      database: () => send(update, { to: makeDownD1('Network connection lost.') }),
      keys: () => {
        vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('Network connection lost.'));
        const settings = { JWT_SECRET: '', JWT_ISSUER: 'a', JWT_AUDIENCE: 'b' };
        const JWT_JWKS_URL = `https://issuer.example/${crypto.randomUUID()}`;
        const authorization = 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA';
        return send(update, {
          headers: { authorization },
          to: createWorker({ ...settings, JWT_JWKS_URL }),
        });
      },
    },
  };
  const declared = Object.entries(document.components.responses).flatMap(
    ([response, { content }]) =>
      Object.entries(content?.['application/json'].examples ?? {}).map(
        ([name, { value }]) => [response, name, value] as const,
      ),
  );

  it.each(declared)(
    'the Worker answers with each example of a failure, word for word: %s, %s',
    async (response, name, value) => {
      expect(await (await failing[response]?.[name]?.())?.json()).toEqual(value);
    },
  );
});

describe('the examples of a success', () => {
  beforeAll(async () => {
    // Other test files may have left shared labels, which would appear in the lists.
    await DB.exec(`DELETE FROM evaluation_label WHERE account_id = 'shared'`);
    const statements = inject('sample').split(/;\n/);
    for (const sql of statements) if (sql.trim() !== '') await DB.prepare(sql).run();
  });

  const EXAMPLE = {
    id: '018f4d3c-0001-7000-8000-000000000001',
    run_id: '018f4d3c-0001-7000-8000-000000000001',
    evaluation_id: '018f4d3d-0001-7000-8000-000000000001',
  };
  const buildPathTo = (template: string) =>
    template.replaceAll(
      /\{(\w+)\}/g,
      (_, name: string) => Object.entries(EXAMPLE).find(([key]) => key === name)?.[1] ?? '',
    );
  const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const anyTime = (example: object) =>
    Object.fromEntries(
      Object.entries(example).map(([name, value]) => [
        name,
        value !== null && /_at$/.test(name) ? TIME : value,
      ]),
    );

  it('the sample data gives the examples of a success, in the order of the worked example', async () => {
    const ask = async (method: string, template: string, body?: object) => {
      const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
      return worker(await request(buildPathTo(template), init));
    };
    const { paths } = generated;
    const item = '/v1/run/{run_id}/evaluation/{evaluation_id}';
    const collection = '/v1/run/{id}/evaluations';
    const created = paths[collection].post;
    const creation = created.requestBody.content['application/json'].examples;

    expect(await (await ask('GET', item)).json()).toEqual(
      paths[item].get.responses[200].content['application/json'].example,
    );
    const listed = await (await ask('GET', collection)).json<object[]>();
    expect(listed[0]).toEqual(
      paths[collection].get.responses[200].content['application/json'].example[0],
    );
    for (const method of ['put', 'post'] as const) {
      const { requestBody, responses } = paths[item][method];
      for (const { value } of Object.values(requestBody.content['application/json'].examples)) {
        const answer = await ask(method.toUpperCase(), item, value);
        expect(answer.status).toBe(200);
        expect(await answer.json()).toEqual(
          anyTime(responses[200].content['application/json'].example),
        );
      }
    }
    const history = paths[`${item}/history`].get.responses[200].content['application/json'].example;
    expect(await (await ask('GET', `${item}/history`)).json()).toEqual(history.map(anyTime));
    const repeatable = creation.repeatable.value;
    const answers = [
      await ask('POST', collection, repeatable),
      await ask('POST', collection, repeatable),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 200]);
    for (const [n, answer] of answers.entries()) {
      const example = created.responses[n === 0 ? 201 : 200].content['application/json'].example;
      expect(await answer.json()).toEqual(anyTime(example));
    }
    expect((await ask('POST', collection, creation.least.value)).status).toBe(201);
  });

  it('the sample data gives the examples of labels, in the order of the worked example', async () => {
    const { '/v1/evaluation-labels': all, '/v1/evaluation-label/{id}': one } = generated.paths;
    const ask = async (method: string, path: string, body?: object, account_id = ACCOUNT) => {
      const headers = { authorization: `Bearer ${await mintToken({ account_id })}` };
      const init =
        body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
      return worker(await request(path, init));
    };
    const readExample = ({ content }: { content: { 'application/json': { example: object } } }) =>
      anyTime(content['application/json'].example);
    const { binary, continuous, categorical } =
      all.post.requestBody.content['application/json'].examples;

    const listed = await (
      await ask('GET', '/v1/evaluation-labels', undefined, 'acc_without_labels')
    ).json<object[]>();
    expect(listed[0]).toEqual(all.get.responses[200].content['application/json'].example[0]);
    const got = await ask(
      'GET',
      `/v1/evaluation-label/${generated.components.parameters.LabelId.example}`,
    );
    expect(await got.json()).toEqual(readExample(one.get.responses[200]));
    for (const status of [201, 200] as const) {
      const answer = await ask('POST', '/v1/evaluation-labels', continuous.value);
      expect(answer.status).toBe(status);
      expect(await answer.json()).toEqual(readExample(all.post.responses[status]));
    }
    for (const { value } of [binary, categorical]) {
      expect((await ask('POST', '/v1/evaluation-labels', value)).status).toBe(201);
    }
    for (const { value } of Object.values(
      one.put.requestBody.content['application/json'].examples,
    )) {
      const answer = await ask('PUT', `/v1/evaluation-label/${continuous.value.id}`, {
        ...value,
        ...('created_at' in value ? await readCreatedAt(continuous.value.id) : {}),
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual(readExample(one.put.responses[200]));
    }
  });

  const readCreatedAt = (id: string) =>
    DB.prepare('SELECT created_at FROM evaluation_label WHERE id = ?').bind(id).first<object>();

  it('each example fits its own schema', () => {
    for (const { operation } of DOCUMENTED) {
      for (const status of Object.keys(operation.responses)) {
        const content = findResponse(operation, Number(status))?.content?.['application/json'];
        if (content && 'example' in content)
          expect(listErrors(content.schema, content.example)).toEqual([]);
      }
    }
  });
});

const makeTexts = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

describe('the schema of a request', () => {
  const ID = '018f4d3a-0001-7000-8000-000000000001';
  const EVALUATION = { evaluation_label_id: ID, value: 9 };
  const LABEL = { name: 'tone', value_type: 'binary' };
  const CATEGORICAL = { name: 'tone', value_type: 'categorical' };
  const CONTINUOUS = { name: 'tone', value_type: 'continuous' };
  const listValues = (count: number) =>
    Object.fromEntries(makeTexts(count).map((text) => [text, 1]));

  /** The result of `JSON.parse('1e400')`. */
  const BEYOND_DOUBLE = Number.POSITIVE_INFINITY;

  it.each([
    {
      name: 'EvaluationUpdate',
      parse: parseEvaluationUpdate,
      accepted: [
        { value: 9 },
        { value: Number.MAX_VALUE },
        { value: -Number.MAX_VALUE },
        { value: 9, id: ID.toUpperCase(), created_at: '2026-11-01T10:00:00+01:00' },
        { value: 9, unknown: true },
      ],
      refused: [
        {},
        [],
        { value: '9' },
        { value: BEYOND_DOUBLE },
        { value: -BEYOND_DOUBLE },
        { value: 9, account_id: 1 },
      ],
    },
    {
      name: 'EvaluationCreate',
      parse: parseEvaluationCreate,
      accepted: [
        EVALUATION,
        { ...EVALUATION, id: ID.toUpperCase(), output_name: null, field_path: null },
        { ...EVALUATION, output_name: 'x'.repeat(OUTPUT_NAME_MAX_CHARS) },
        { ...EVALUATION, field_path: '\u{1f600}'.repeat(FIELD_PATH_MAX_CHARS) },
      ],
      refused: [
        { value: 9 },
        { evaluation_label_id: ID },
        { ...EVALUATION, value: BEYOND_DOUBLE },
        { ...EVALUATION, evaluation_label_id: 'x' },
        { ...EVALUATION, evaluation_label_id: `urn:uuid:${ID}` },
        { ...EVALUATION, id: null },
        { ...EVALUATION, id: 'x' },
        { ...EVALUATION, output_name: 'x'.repeat(OUTPUT_NAME_MAX_CHARS + 1) },
        { ...EVALUATION, field_path: 'x'.repeat(FIELD_PATH_MAX_CHARS + 1) },
        { ...EVALUATION, run_id: 1 },
      ],
    },
    {
      name: 'EvaluationLabelUpdate',
      parse: parseLabelUpdate,
      accepted: [
        { name: 'x'.repeat(LABEL_NAME_MAX_CHARS) },
        { description: 'x'.repeat(LABEL_DESCRIPTION_MAX_CHARS) },
        { description: null, archived: true, categories: ['a'] },
        { archived: false, ...CONTINUOUS, min_value: null, max_value: 1 },
      ],
      refused: [
        {},
        { unknown: true },
        { value_type: 'continuous', min_value: 1 },
        { name: '' },
        { name: null },
        { name: 'x'.repeat(LABEL_NAME_MAX_CHARS + 1) },
        { description: 'x'.repeat(LABEL_DESCRIPTION_MAX_CHARS + 1) },
        { archived: null },
        { archived: true, categories: [1] },
        { archived: true, min_value: '1' },
        { archived: true, max_value: BEYOND_DOUBLE },
      ],
    },
    {
      name: 'EvaluationLabelCreate',
      parse: parseLabelCreate,
      accepted: [
        { ...LABEL, name: 'x'.repeat(LABEL_NAME_MAX_CHARS), categories: null },
        { ...LABEL, description: 'x'.repeat(LABEL_DESCRIPTION_MAX_CHARS) },
        { ...CONTINUOUS, min_value: 1, max_value: null },
        { ...LABEL, min_value: null, max_value: null },
        { ...CATEGORICAL, categories: ['a'], min_value: null },
        { ...CATEGORICAL, value_type: 'ordinal', categories: ['a', 'b'] },
        { ...LABEL, archived: false, archived_at: null },
        { ...CATEGORICAL, categories: ['x'.repeat(CATEGORY_MAX_CHARS)] },
        { ...CATEGORICAL, categories: makeTexts(CATEGORIES_MAX_COUNT) },
      ],
      refused: [
        { name: 'tone' },
        { value_type: 'binary' },
        { ...LABEL, name: '' },
        { ...LABEL, name: 'x'.repeat(LABEL_NAME_MAX_CHARS + 1) },
        { ...LABEL, description: 'x'.repeat(LABEL_DESCRIPTION_MAX_CHARS + 1) },
        { ...LABEL, value_type: 'percentage' },
        { ...LABEL, min_value: 0 },
        { ...LABEL, max_value: 1 },
        { ...LABEL, categories: ['a'] },
        { ...CONTINUOUS, categories: ['a'] },
        { ...CATEGORICAL, categories: ['a'], min_value: 0 },
        { ...CATEGORICAL, categories: ['a'], max_value: 1 },
        { ...CATEGORICAL, value_type: 'ordinal', categories: ['a'], max_value: 1 },
        CATEGORICAL,
        { ...CATEGORICAL, categories: null },
        { ...CATEGORICAL, value_type: 'ordinal' },
        { ...LABEL, archived: 'yes' },
        { ...CONTINUOUS, min_value: '1' },
        { ...CONTINUOUS, max_value: BEYOND_DOUBLE },
        { ...CATEGORICAL, categories: [] },
        { ...CATEGORICAL, categories: [''] },
        { ...CATEGORICAL, categories: ['a', 'a'] },
        { ...CATEGORICAL, categories: ['x'.repeat(CATEGORY_MAX_CHARS + 1)] },
        { ...CATEGORICAL, categories: makeTexts(CATEGORIES_MAX_COUNT + 1) },
      ],
    },
    {
      name: 'EvaluationLinkCreate',
      parse: parseLinkCreate,
      accepted: [
        {},
        { expires_in: 60, name: 'x'.repeat(LINK_NAME_MAX_CHARS) },
        { expires_in: LINK_MAX_SECONDS, pointer: `/${'x'.repeat(POINTER_MAX_CHARS - 1)}` },
        { expires_in: null, name: null, pointer: null, values: null },
        { values: listValues(32) },
        { pointer: '' },
        { pointer: '/a~0b/~1//\n\u{1f600}' },
        { path: `$.${'x'.repeat(510)}` },
        { path: '$.a', pointer: null },
        { path: null, pointer: '/a' },
        { where: {} },
        { delivery: '/a~1b' },
        { delivery: null },
        { where: null },
        { where: { '': null, '/a~1b': 'x', '/c': [1, true, 'x', null], '/d': 2 ** 53 - 1 } },
        { where: Object.fromEntries(makeTexts(8).map((text) => [`/${text}`, makeTexts(8)])) },
      ],
      refused: [
        { expires_in: 59 },
        { expires_in: 60.5 },
        { expires_in: LINK_MAX_SECONDS + 1 },
        { name: 'x'.repeat(LINK_NAME_MAX_CHARS + 1) },
        { name: 'a b' },
        { pointer: `/${'x'.repeat(POINTER_MAX_CHARS)}` },
        { values: { yes: '1' } },
        { values: { yes: BEYOND_DOUBLE } },
        { values: listValues(33) },
        { values: ['a'] },
        { values: JSON.parse('{"__proto__":1}') },
        { values: { constructor: 1 } },
        { values: { prototype: 1 } },
        { pointer: 'value' },
        { pointer: '/a~2' },
        { pointer: '/~' },
        { url: 1 },
      ],
    },
  ])(
    'a request schema accepts and refuses what the Worker does: $name',
    ({ name, parse, accepted, refused }) => {
      const schema = { $ref: `#/components/schemas/${name}` };
      const isValid = (body: unknown) => listErrors(schema, body).length === 0;
      const isParsed = (body: object) => {
        try {
          return parse({ ...body }) !== undefined;
        } catch (thrown) {
          if (thrown instanceof Failure) return false;
          throw thrown;
        }
      };

      expect(accepted.filter((body) => !isValid(body))).toEqual([]);
      expect(accepted.filter((body) => !isParsed(body))).toEqual([]);
      expect(refused.filter((body) => isValid(body))).toEqual([]);
      expect(refused.filter((body) => isParsed(body))).toEqual([]);
    },
  );

  it.each([
    {
      name: 'EvaluationUpdate',
      operation: 'updateEvaluation',
      body: { value: 9 },
      unstored: [
        ...['id', 'account_id', 'run_id', 'evaluation_label_id', 'created_at'].map((name) => ({
          [name]: null,
        })),
        { id: 'x' },
        { run_id: 'x' },
        { created_by_evaluator_id: 'x' },
        { created_at: 'yesterday' },
        { account_id: 'x'.repeat(ACCOUNT_MAX_CHARS + 1) },
        { created_by: 'x'.repeat(SUBJECT_MAX_CHARS + 1) },
        { output_name: 'x'.repeat(OUTPUT_NAME_MAX_CHARS + 1) },
      ],
    },
    {
      name: 'EvaluationLabelUpdate',
      operation: 'updateEvaluationLabel',
      body: { name: 'tone' },
      unstored: [
        ...['id', 'account_id', 'value_type', 'created_at'].map((name) => ({ [name]: null })),
        { value_type: 'percentage' },
        { categories: [] },
        { categories: ['a', 'a'] },
        { archived_at: 'x' },
      ],
    },
    {
      name: 'EvaluationCreate',
      operation: 'createEvaluation',
      body: EVALUATION,
      unstored: [
        ...['account_id', 'run_id', 'created_at'].map((name) => ({ [name]: null })),
        { run_id: 'x' },
        { created_at: '2026-11-01T10:00:00.000Z' },
      ],
    },
    {
      name: 'EvaluationLabelCreate',
      operation: 'createEvaluationLabel',
      body: LABEL,
      unstored: [
        ...['account_id', 'archived', 'created_by', 'created_at'].map((name) => ({
          [name]: null,
        })),
        { archived: true },
        { archived_at: '2026-11-01T10:00:00.000Z' },
        { created_at: '2026-11-01T10:00:00.000Z' },
      ],
    },
    {
      name: 'EvaluationLinkCreate',
      operation: 'createEvaluationLink',
      body: {},
      unstored: [
        ...['id', 'url', 'expires_at', 'run_id', 'evaluation_id', 'author'].map((name) => ({
          [name]: null,
        })),
        { id: ID },
        { url: `https://api.test/v1/link?key=${FORGED_KEY}` },
        { expires_at: '2026-11-01T10:00:00.000Z' },
        { evaluation_id: 'x' },
      ],
    },
  ])(
    'a request schema refuses a field that equals no stored one, as the Worker does: $name',
    async ({ name, operation, body, unstored }) => {
      const schema = { $ref: `#/components/schemas/${name}` };
      const bodies = unstored.map((fields) => ({ ...body, ...fields }));
      const statuses = bodies.map(
        async (sent) => (await send(operation, { body: JSON.stringify(sent) })).status,
      );

      expect(listErrors(schema, body)).toEqual([]);
      expect(await Promise.all(statuses)).toEqual(bodies.map(() => 422));
      expect(bodies.filter((sent) => listErrors(schema, sent).length === 0)).toEqual([]);
    },
  );
});

describe('the parameters', () => {
  const { parameters } = document.components;
  const listNames = (references: { $ref: string }[] = []) =>
    references
      .map(({ $ref }) => parameters[$ref.split('/').at(-1) ?? ''])
      .map((one) => `${one?.in} ${one?.name}`);

  it('the document declares the parameters that the operations read', () => {
    const page = ['query limit', 'query cursor'];
    const everywhere = ['header x-request-id', 'header x-d1-bookmark'];
    const key = 'header idempotency-key';
    const conditional = ['header if-match', 'header if-none-match'];
    const declared = DOCUMENTED.map(({ operation }) => [
      operation.operationId,
      listNames(operation.parameters),
    ]);

    expect(Object.fromEntries(declared)).toEqual({
      createEvaluation: [key, ...everywhere],
      listEvaluations: ['query evaluation_label_id', ...page, ...everywhere],
      getEvaluation: [...conditional, ...everywhere],
      updateEvaluation: ['header if-match', key, ...everywhere],
      updateEvaluationByPost: ['header if-match', key, ...everywhere],
      deleteEvaluation: ['header if-match', key, ...everywhere],
      listReplacedValues: [...page, ...everywhere],
      createEvaluationLabel: [key, ...everywhere],
      listEvaluationLabels: [...page, ...everywhere],
      getEvaluationLabel: [...conditional, ...everywhere],
      updateEvaluationLabel: ['header if-match', key, ...everywhere],
      createEvaluationLink: everywhere,
      revokeEvaluationLink: everywhere,
      getEvaluationByLink: [...conditional, 'header x-request-id'],
      updateEvaluationByLink: ['header if-match', key, 'header x-request-id'],
      getDocument: ['header x-request-id'],
      getHealth: ['header x-request-id'],
    });
  });
});

describe('the judge', () => {
  it('refuses a response that the document does not describe', async () => {
    const row = await storeEvaluation();
    const clock = createStillClock();
    const token = await mintToken({ exp: claims({}, clock.now()).exp });
    const { expectDocumented } = await import('./support/document.ts');
    const sent = await request(buildPath(row), {
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
    });
    const good = await createWorker({}, clock)(sent.clone());
    const judge = (response: Response) => expectDocumented(sent, response);
    const changed = async (change: (headers: Headers) => void, body?: object, status = 200) => {
      const headers = new Headers(good.headers);
      change(headers);
      return new Response(JSON.stringify(body ?? (await good.clone().json())), { status, headers });
    };

    await judge(good);
    const nothing = () => {};
    await expect(judge(await changed(nothing, undefined, 418))).rejects.toThrow(
      'getEvaluation 418 is not in the document',
    );
    await expect(judge(await changed((headers) => headers.delete('etag')))).rejects.toThrow(
      'lacks the header etag',
    );
    await expect(judge(await changed((headers) => headers.set('etag', 'weak')))).rejects.toThrow(
      'header etag',
    );
    await expect(
      judge(await changed((headers) => headers.set('x-powered-by', 'x'))),
    ).rejects.toThrow('has the header x-powered-by');
    await expect(
      judge(await changed((headers) => headers.set('content-type', 'text/plain'))),
    ).rejects.toThrow('has the content type text/plain');
    await expect(judge(await changed(nothing, { id: 1 }))).rejects.toThrow('getEvaluation 200');
    await expect(
      judge(await changed(nothing, { ...(await good.clone().json<object>()), extra: 1 })),
    ).rejects.toThrow('extra');
    await expect(
      judge(await changed(nothing, { ...(await good.clone().json<object>()), run_id: 'x' })),
    ).rejects.toThrow('run_id');
  });
});
