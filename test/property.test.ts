/** Tests the API with random input, and computes the expected results without the Worker's code. */
import fc, { type Arbitrary } from 'fast-check';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import {
  createBody,
  damageToken,
  drawCursor,
  drawHeaders,
  drawSignedAt,
  drawSpelledId,
  drawSpelling,
  drawStrangeId,
  encodeBody,
  encodeUtf8,
  INFINITE_NUMBER,
  labelBody,
  limitText,
  type Rule,
  rowFields,
  ruleAndValue,
  updateBody,
} from './support/arbitraries.ts';
import { createStillClock } from './support/clock.ts';
import { OPERATIONS } from './support/operations.ts';
import { SECRET } from './support/secret.ts';
import { createHmac } from './support/signer.ts';
import {
  ACCOUNT,
  buildPath,
  claims,
  createWorker,
  formatLabel,
  mintToken,
  putValue,
  type Row,
  readHistory,
  readLabel,
  readRun,
  readState,
  request,
  SUBJECT,
  seconds,
  storeEvaluation,
  storeLabel,
  storeLabelled,
  worker,
} from './support/worker.ts';

const { seed, factor } = inject('properties');

/** Makes ids from the seed, so that the same seed repeats a failure. */
const makeFixedIds = (count: number) => fc.sample(fc.uuid(), { seed, numRuns: count });

/** Runs `readStatus` with random input, and expects each status in `sees` at least once. */
async function assertProperty<T>(
  { runs, sees }: { readonly runs: number; readonly sees: readonly number[] },
  input: Arbitrary<T>,
  readStatus: (input: T) => Promise<number>,
): Promise<void> {
  const seen = new Set<number>();
  const property = fc.asyncProperty(input, async (given) => {
    seen.add(await readStatus(given));
  });
  const result = await fc.check(property, {
    seed,
    numRuns: runs * factor,
    includeErrorInReport: true,
  });
  // Vitest cannot transfer a text with lone surrogates out of workerd.
  if (result.failed)
    throw new Error(
      `${fc.defaultReportMessage(result)}\n${findDifference(result.errorInstance)}`.toWellFormed(),
    );
  expect([...seen], `statuses seen with seed ${seed}`).toEqual(expect.arrayContaining([...sees]));
}

function findDifference(failure: unknown): string {
  const { actual, expected } =
    failure instanceof Error ? { actual: undefined, expected: undefined, ...failure } : {};
  return `Found ${fc.stringify(actual)}\nwhere there should be ${fc.stringify(expected)}`;
}

type Write = { readonly value: number; readonly updated_by: string };
type Answered = { readonly [field: string]: unknown } & {
  readonly id?: string;
  readonly updated_at?: string;
};

/** Matches `status` for an accepted request, and any status from 400 to 422 for a refused one. */
const matchStatus = (accepted: boolean, status = 200): unknown =>
  accepted ? status : expect.toSatisfy((refused: number) => refused >= 400 && refused <= 422);
const refusal = { error: expect.any(String) };

/** Checks the response, row and history. If `write` is undefined, nothing may have changed. */
async function expectOutcome(
  row: Row,
  response: Response,
  write: Write | undefined,
): Promise<number> {
  const answered = await response.json<Answered>();
  const isRepetition =
    row.updated_at !== null && row.value === write?.value && row.updated_by === write.updated_by;
  const isChange = write !== undefined && !isRepetition;
  const updated_at = answered.updated_at ?? null;
  const after = isChange ? { ...row, ...write, value: write.value + 0, updated_at } : row;
  const replaced = {
    evaluation_id: row.id,
    value: row.value,
    updated_by:
      row.updated_at === null ? (row.created_by ?? row.created_by_evaluator_id) : row.updated_by,
    updated_at: row.updated_at ?? row.created_at,
    replaced_by: after.updated_by,
    replaced_at: after.updated_at,
  };

  const { label: _, labels: __, ...state } = await readState(row);
  expect({ status: response.status, answered, state }).toEqual({
    status: matchStatus(write !== undefined),
    answered: write === undefined ? refusal : formatResource(after),
    state: { run: [after], row: [after], history: isChange ? [replaced] : [] },
  });
  return response.status;
}

const formatResource = ({ updated_at, ...row }: Row): Answered =>
  updated_at === null ? row : { ...row, updated_at };

const isUuid = (text: unknown): text is string =>
  typeof text === 'string' &&
  text.length === 36 &&
  Array.from(text, (letter, at) =>
    [8, 13, 18, 23].includes(at) ? letter === '-' : /[0-9a-fA-F]/.test(letter),
  ).every(Boolean);

function allows(
  { value_type, min_value, max_value, categories }: Omit<Rule, 'account_id'>,
  value: number,
): boolean {
  if (value_type === 'binary') return value === 0 || value === 1;
  if (value_type === 'continuous')
    return !(value < (min_value ?? value)) && !(value > (max_value ?? value));
  return Object.hasOwn(JSON.parse(categories ?? '[]'), value) && value >= 0;
}

const AT_LEAST_MINUS_100: Rule = {
  account_id: ACCOUNT,
  value_type: 'continuous',
  min_value: -100,
  max_value: null,
  categories: null,
};
const label = crypto.randomUUID();
beforeAll(() => storeLabel({ ...AT_LEAST_MINUS_100, id: label }));

/** Returns undefined if the body is not a JSON object in UTF-8, or is larger than 64 KiB. */
function readObject(bytes: Uint8Array): { readonly [name: string]: unknown } | undefined {
  try {
    const parsed = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    );
    return bytes.length <= 65_536 && Object.prototype.toString.call(parsed) === '[object Object]'
      ? parsed
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns true if each field in `names` is missing in the body, or has the stored value. */
const hasOnlyStored = (
  body: { readonly [name: string]: unknown },
  row: Row,
  names: readonly (keyof Row)[],
) =>
  names.every((name) => {
    const sent = body[name];
    return (
      !Object.hasOwn(body, name) ||
      sent === row[name] ||
      (isUuid(sent) && sent.toLowerCase() === row[name])
    );
  });

const SET_BY_SERVER = ['account_id', 'run_id', 'created_by', 'created_by_evaluator_id'] as const;
const IMMUTABLE = [
  'id',
  ...SET_BY_SERVER,
  'output_name',
  'field_path',
  'evaluation_label_id',
  'created_at',
] as const;

/** Returns a legal value. If D1 does not have the row's label, any finite number is legal. */
function readLegalValue(
  { value }: { readonly [name: string]: unknown },
  { evaluation_label_id }: Row,
): number | undefined {
  const isNumber = typeof value === 'number' && Number.isFinite(value);
  return isNumber && (evaluation_label_id !== label || allows(AT_LEAST_MINUS_100, value))
    ? value
    : undefined;
}

/** Returns undefined if the Worker must refuse the body. */
function readUpdate(bytes: Uint8Array, row: Row): Write | undefined {
  const body = readObject(bytes);
  const value = body && readLegalValue(body, row);
  return value !== undefined && hasOnlyStored(body ?? {}, row, IMMUTABLE)
    ? { value, updated_by: SUBJECT }
    : undefined;
}

/** The Worker refuses a lone surrogate, because D1 would not store it unchanged. */
const isText = (sent: unknown): sent is string => typeof sent === 'string' && sent.isWellFormed();
const isTextOrNothing = (sent: unknown): sent is string | null | undefined => isText(sent ?? '');

/** Returns undefined if the Worker must refuse the body. */
function readCreation(bytes: Uint8Array, row: Row): Row | undefined {
  const body = readObject(bytes) ?? {};
  const { id, evaluation_label_id, output_name, field_path } = body;
  const value = readLegalValue(body, row);
  const mayBe =
    hasOnlyStored(body, row, SET_BY_SERVER) &&
    !Object.hasOwn(body, 'created_at') &&
    isUuid(evaluation_label_id) &&
    evaluation_label_id.toLowerCase() === label &&
    (id === undefined || isUuid(id));
  if (
    !mayBe ||
    value === undefined ||
    !isTextOrNothing(output_name) ||
    !isTextOrNothing(field_path)
  )
    return undefined;
  const texts = { output_name: output_name ?? null, field_path: field_path ?? null };
  return { ...row, ...texts, value: value + 0, id: isUuid(id) ? id.toLowerCase() : row.id };
}

const splitBody = (bytes: Uint8Array) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.subarray(at, at + 7));
      controller.close();
    },
  });

describe('any request', () => {
  it('answers any request to any operation without a 5xx, and changes nothing by a read or a refused request', async () => {
    const input = fc.record({
      operation: fc.constantFrom(...OPERATIONS),
      body: fc.option(fc.constantFrom(updateBody, createBody).chain((body) => body)),
      headers: drawHeaders(`Bearer ${await mintToken()}`, '"2026-01-02T03:04:05.678Z"'),
      limit: fc.option(limitText),
      cursor: fc.option(drawCursor(['2026-01-02T03:04:05.678Z'])),
    });
    await assertProperty(
      { runs: 80, sees: [200, 201, 400, 401, 412, 415] },
      input,
      async (made) => {
        const { operation, body, headers, limit, cursor } = made;
        const row = await storeLabelled({ min_value: -100 });
        const query = Object.entries({ limit, cursor }).flatMap(([name, text]) =>
          text === null ? [] : [`${name}=${encodeURIComponent(text.toWellFormed())}`],
        );
        const sent = await operation.requestFor(row, headers, { query: `?${query.join('&')}` });
        const hasBody = body !== null && sent.body !== null;
        const before = await readState(row);

        const response = await worker(
          hasBody ? new Request(sent, { body: encodeBody(body, row) }) : sent,
        );

        expect(response.status).toBeLessThan(500);
        const mayChange = response.ok && operation.access === 'write';
        expect(await readState(row)).toEqual(mayChange ? expect.anything() : before);
        return response.status;
      },
    );
  });
});

describe('any body', () => {
  it('changes the value by any body that is a valid update, and otherwise nothing', async () => {
    const streamed = createWorker({});
    const input = fc.record({
      fields: rowFields,
      body: updateBody,
      method: fc.constantFrom('PUT', 'POST'),
      isStreamed: fc.boolean(),
      isLabelled: fc.boolean(),
    });
    await assertProperty({ runs: 60, sees: [200, 400, 422] }, input, async (made) => {
      const { fields, body, method, isStreamed, isLabelled } = made;
      const row = await storeEvaluation({
        ...fields,
        ...(isLabelled ? { evaluation_label_id: label } : {}),
      });
      const bytes = encodeBody(body, row);
      const sent = await request(buildPath(row), {
        method,
        body: isStreamed ? splitBody(bytes) : bytes,
      });

      return expectOutcome(
        row,
        await (isStreamed ? streamed : worker)(sent),
        readUpdate(bytes, row),
      );
    });
  });

  it('creates the evaluation that any valid body describes, and otherwise none', async () => {
    await assertProperty({ runs: 50, sees: [201, 400] }, createBody, async (body) => {
      const row: Row = {
        id: crypto.randomUUID(),
        account_id: ACCOUNT,
        run_id: crypto.randomUUID(),
        output_name: null,
        field_path: null,
        evaluation_label_id: label,
        value: 0,
        created_by: SUBJECT,
        created_by_evaluator_id: null,
        created_at: '',
        updated_by: null,
        updated_at: null,
      };
      const bytes = encodeBody(body, row);
      const response = await worker(
        await request(`/v1/run/${row.run_id}/evaluations`, { method: 'POST', body: bytes }),
      );

      const answered = await response.json<Partial<Row>>();
      const { id = '', created_at = '' } = answered;
      const creation = readCreation(bytes, { ...row, id, created_at });
      expect({ status: response.status, answered, run: await readRun(row.run_id) }).toEqual({
        status: matchStatus(creation !== undefined, 201),
        answered: creation ? formatResource(creation) : refusal,
        run: creation ? [creation] : [],
      });
      return response.status;
    });
  });
});

describe('any body of a label', () => {
  const isSame = (sent: unknown, stored: unknown) => sent === undefined || sent === stored;
  const isBound = (sent: unknown) =>
    sent === null || (typeof sent === 'number' && Number.isFinite(sent));
  const isCategory = (sent: unknown) => isText(sent) && sent !== '' && [...sent].length <= 255;

  /** Returns undefined if the Worker must refuse the body. */
  function readSentLabel(bytes: Uint8Array): { readonly [field: string]: unknown } | undefined {
    const body = readObject(bytes) ?? {};
    const {
      name,
      description = null,
      value_type,
      min_value = null,
      max_value = null,
      categories = null,
    } = body;
    const isContinuous = value_type === 'continuous';
    const isIndexed = value_type === 'categorical' || value_type === 'ordinal';
    const list = Array.isArray(categories) ? categories : [];
    const mayBe =
      isText(name) &&
      name !== '' &&
      isTextOrNothing(description) &&
      (isContinuous || isIndexed || value_type === 'binary') &&
      (isContinuous
        ? isBound(min_value) && isBound(max_value)
        : min_value === null && max_value === null) &&
      (min_value === null || max_value === null || Number(min_value) <= Number(max_value)) &&
      (isIndexed
        ? list.length > 0 && list.every(isCategory) && new Set(list).size === list.length
        : categories === null) &&
      isSame(body['account_id'], ACCOUNT) &&
      isSame(body['archived'], false);
    // D1 stores -0 as 0, and `bound + 0` turns -0 into 0.
    const stored = (bound: unknown) => (typeof bound === 'number' ? bound + 0 : bound);
    const bounds = { min_value: stored(min_value), max_value: stored(max_value) };
    return mayBe ? { name, description, value_type, ...bounds, categories } : undefined;
  }

  it('creates the label that any valid body describes, and otherwise none', async () => {
    await assertProperty({ runs: 80, sees: [201, 400, 422] }, labelBody, async (text) => {
      const bytes = encodeUtf8(text);
      const response = await worker(
        await request('/v1/evaluation-labels', { method: 'POST', body: bytes }),
      );

      const answered = await response.json<Answered>();
      const stored = await readLabel(answered.id ?? crypto.randomUUID());
      const label = readSentLabel(bytes);
      const rest = {
        id: answered.id,
        account_id: ACCOUNT,
        archived_at: null,
        created_by: SUBJECT,
        updated_by: null,
      };
      const whole = { ...label, ...rest, created_at: answered['created_at'] };
      expect({ status: response.status, answered, stored: stored && formatLabel(stored) }).toEqual({
        status: matchStatus(label !== undefined, 201),
        answered: label ? whole : refusal,
        stored: label ? whole : null,
      });
      return response.status;
    });
  });
});

describe('any value', () => {
  const input = ruleAndValue.chain(([rule, value]) =>
    fc.record({ rule: fc.constant(rule), value: fc.constant(value), spelled: drawSpelling(value) }),
  );
  const isVisible = ({ account_id }: Rule) => account_id === ACCOUNT || account_id === 'shared';

  it('an update stores a value if and only if the label allows it, exactly as it was sent', async () => {
    await assertProperty(
      { runs: 50, sees: [200, 422] },
      input,
      async ({ rule, value, spelled }) => {
        const row = await storeEvaluation();
        await storeLabel({ ...rule, id: row.evaluation_label_id });

        const response = await worker(
          await request(buildPath(row), { body: `{"value":${spelled}}` }),
        );

        const isAllowed = !isVisible(rule) || allows(rule, value);
        return expectOutcome(row, response, isAllowed ? { value, updated_by: SUBJECT } : undefined);
      },
    );
  });

  it('a create stores a value if and only if a label exists that allows it, exactly as it was sent', async () => {
    await assertProperty(
      { runs: 40, sees: [201, 404, 422] },
      input,
      async ({ rule, value, spelled }) => {
        const [run, id] = [crypto.randomUUID(), crypto.randomUUID()];
        await storeLabel({ ...rule, id });
        const body = `{"evaluation_label_id":"${id}","value":${spelled}}`;

        const response = await worker(
          await request(`/v1/run/${run}/evaluations`, { method: 'POST', body }),
        );

        const isAllowed = isVisible(rule) && allows(rule, value);
        expect(response.status).toEqual(matchStatus(isAllowed, 201));
        expect((await readRun(run)).map((row) => row.value)).toEqual(isAllowed ? [value + 0] : []);
        return response.status;
      },
    );
  });
});

describe('any path', () => {
  function readId(segment = ''): string | undefined {
    try {
      const text = decodeURIComponent(segment);
      return isUuid(text) ? text.toLowerCase() : undefined;
    } catch {
      return undefined;
    }
  }
  const ids = makeFixedIds(4);
  /** Stores a row that already has the value and the author of the updates in these tests. */
  const storeRepeated = (id = '', run_id = '') =>
    storeEvaluation({
      id,
      run_id,
      value: 9,
      updated_by: SUBJECT,
      updated_at: '2026-02-03T04:05:06.007Z',
    });
  const idLike = (id: string) => fc.oneof(drawSpelledId(id), drawSpelledId(id), drawStrangeId(id));

  it('a path leads to the evaluation whose ids it has, in upper or lower case and any encoding, and to nothing else', async () => {
    const row = await storeRepeated(ids[0], ids[1]);
    const input = fc.record({
      method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH'),
      path: fc
        .tuple(idLike(row.run_id), idLike(row.id), fc.constantFrom('', '', '/history'))
        .map(([run, id, rest]) => `/v1/run/${run}/evaluation/${id}${rest}`),
    });
    await assertProperty(
      { runs: 60, sees: [200, 400, 404, 405] },
      input,
      async ({ method, path }) => {
        const isWrite = method === 'PUT' || method === 'POST';
        const sent = await request(path, { method, ...(isWrite ? { body: '{"value":9}' } : {}) });
        const response = await worker(sent);

        const [, run, id, rest] =
          /^\/v1\/run\/([^/]+)\/evaluation\/([^/]+)(\/history)?$/.exec(
            new URL(sent.url).pathname,
          ) ?? [];
        const isOpen =
          readId(run) === row.run_id &&
          readId(id) === row.id &&
          method !== 'PATCH' &&
          !(isWrite && rest);
        expect(response.status).toEqual(isOpen ? 200 : expect.toBeOneOf([400, 404, 405]));
        expect(await readState(row)).toEqual({
          run: [row],
          row: [row],
          history: [],
          label: [],
          labels: expect.anything(),
        });
        return response.status;
      },
    );
  });

  it('a path lists the run whose id it has, in upper or lower case and any encoding, and nothing else', async () => {
    const row = await storeRepeated(ids[2], ids[3]);
    await assertProperty({ runs: 40, sees: [200, 400] }, idLike(row.run_id), async (segment) => {
      const sent = await request(`/v1/run/${segment}/evaluations`, { method: 'GET' });
      const response = await worker(sent);

      const run = readId(/^\/v1\/run\/([^/]+)\/evaluations$/.exec(new URL(sent.url).pathname)?.[1]);
      expect(response.status).toEqual(run ? 200 : expect.toBeOneOf([400, 404]));
      expect(await response.json()).toEqual(
        run ? (run === row.run_id ? [formatResource(row)] : []) : refusal,
      );
      return response.status;
    });
  });
});

describe('any headers', () => {
  const created_at = '2026-01-02T03:04:05.678Z';
  const TAG = `"${created_at}"`;

  /** Returns true if If-Match has `TAG` or is `*`, by strong comparison (RFC 9110 §8.8.3.2). */
  function hasTag(list: string): boolean {
    if (list.trim() === '*') return true;
    const rest = list.replaceAll(/(?:W\/)?"[^"\s]*"/g, (tag) => (tag === TAG ? '+' : '-'));
    return (
      /^[, \t]*$/.test(list.replaceAll(/(?:W\/)?"[^"\s]*"/g, '')) &&
      !/[-+][ \t]*[-+]/.test(rest) &&
      rest.includes('+')
    );
  }
  const isJson = (type: string) =>
    /^(application\/json|[^/]+\/[^/;]+\+json)[ \t]*($|;)/i.test(type);
  const mayWrite = (headers: Headers, token: string) =>
    /^bearer +([^ ]*)$/i.exec(headers.get('authorization') ?? '')?.[1] === token &&
    !headers.has('if-none-match') &&
    hasTag(headers.get('if-match') ?? '*') &&
    isJson(headers.get('content-type') || 'application/json') &&
    /^(identity)?$/i.test(headers.get('content-encoding') ?? '') &&
    !headers.has('content-range');

  it('stores an update if each of its headers allows it, If-Match by the current tag, and otherwise changes nothing', async () => {
    const token = await mintToken();
    const input = fc.record({
      headers: drawHeaders(`Bearer ${token}`, TAG),
      method: fc.constantFrom('PUT', 'POST'),
    });
    const send = createWorker({ CORS_ORIGINS: 'https://app.example' });
    await assertProperty(
      { runs: 70, sees: [200, 400, 401, 412, 415] },
      input,
      async ({ headers, method }) => {
        const row = await storeEvaluation({ created_at });
        const sent = await request(buildPath(row), { method, headers, body: '{"value":9}' });
        const isAllowed = mayWrite(sent.headers, token);

        return expectOutcome(
          row,
          await send(sent),
          isAllowed ? { value: 9, updated_by: SUBJECT } : undefined,
        );
      },
    );
  });
});

describe('any token', () => {
  const clock = createStillClock();
  const now = seconds(clock.now());
  const send = createWorker({ JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'api' }, clock);
  const putWith = (row: Row, token: string) =>
    request(buildPath(row), { body: '{"value":9}', headers: { authorization: `Bearer ${token}` } });

  it('refuses a token that differs in one character from what the issuer signed', async () => {
    const token = await mintToken(claims({}, clock.now()));
    const sendAt = createWorker({}, clock);
    const input = fc.oneof(
      { weight: 1, arbitrary: fc.constant(token) },
      { weight: 4, arbitrary: damageToken(token) },
    );
    await assertProperty({ runs: 50, sees: [200, 401] }, input, async (given) => {
      const row = await storeEvaluation();
      const sent = await putWith(row, given);
      // White space around a token is not part of the token.
      const isWhole =
        /^Bearer +([^ ]*)$/.exec(sent.headers.get('authorization') ?? '')?.[1] === token;

      return expectOutcome(
        row,
        await sendAt(sent),
        isWhole ? { value: 9, updated_by: SUBJECT } : undefined,
      );
    });
  });

  type Said = { readonly [name: string]: unknown };
  const isFilled = (text: unknown) => isText(text) && /\S/.test(text);
  const isTime = (time: unknown, least: number, most: number) =>
    typeof time === 'number' && time >= least && time <= most;

  const isValid = (
    { alg, typ, kid, crit }: Said,
    { iss, aud, sub, account_id, exp, nbf, iat, ...others }: Said,
  ) =>
    alg === 'HS256' &&
    (typ === undefined || (isText(typ) && /^(application\/)?(at\+)?jwt$/i.test(typ))) &&
    (kid === undefined || typeof kid === 'string') &&
    crit === undefined &&
    iss === 'issuer' &&
    [aud].flat().includes('api') &&
    isFilled(sub) &&
    isFilled(account_id) &&
    isTime(exp, now - 5, Number.MAX_VALUE) &&
    exp !== now - 5 &&
    (nbf === undefined || isTime(nbf, -Infinity, now + 5)) &&
    (iat === undefined || isTime(iat, -Infinity, Infinity)) &&
    [others['run_id'], others['evaluation_id']].every((id) => id === undefined || isUuid(id));

  it('writes as the subject of a valid token, in its account and within its restriction, and otherwise nowhere', async () => {
    const [issuer, other] = [await createHmac(SECRET), await createHmac(`${SECRET}.`)];
    await assertProperty({ runs: 80, sees: [200, 401, 404] }, drawSignedAt(now), async (made) => {
      const { owner, isForged, header, claims, otherText } = made;
      const row = await storeEvaluation({ account_id: owner });
      const own = (restriction: unknown, id: string) => (restriction === 'own' ? id : restriction);
      const [run_id, evaluation_id] = [
        own(claims.run_id, row.run_id),
        own(claims.evaluation_id, row.id.toUpperCase()),
      ];
      const text = JSON.stringify({ ...claims, run_id, evaluation_id }).replaceAll(
        `"${INFINITE_NUMBER}"`,
        INFINITE_NUMBER,
      );
      const token = await (isForged ? other : issuer).sign(otherText ?? text, header);

      const response = await send(await putWith(row, token));

      const said = readObject(encodeUtf8(otherText ?? text)) ?? {};
      const isAccepted = !isForged && isValid(JSON.parse(JSON.stringify(header)), said);
      const allowedBy = (restriction: unknown, id: string) =>
        restriction === undefined || (isUuid(restriction) && restriction.toLowerCase() === id);
      const isOpen =
        said['account_id'] === owner &&
        allowedBy(said['run_id'], row.run_id) &&
        allowedBy(said['evaluation_id'], row.id);
      const write =
        isAccepted && isOpen ? { value: 9, updated_by: String(said['sub']) } : undefined;
      const status = await expectOutcome(row, response, write);
      expect(status).toBe(isAccepted ? (isOpen ? 200 : 404) : 401);
      return status;
    });
  });
});

describe('any query', () => {
  const TIMES = [
    '2026-01-02T03:04:05.678Z',
    '2026-01-02T03:04:05.679Z',
    '2026-01-02T03:04:06.000Z',
  ] as const;
  const isInOrder = (one: Row, other: Row) => (formatPlace(one) < formatPlace(other) ? -1 : 1);
  const formatPlace = ({ created_at, id }: Row) => `${created_at} ${id}`;
  const storeRun = async (times: readonly string[], ids: readonly string[] = []) => {
    const run_id = crypto.randomUUID();
    const rows = [];
    for (const [n, created_at] of times.entries()) {
      rows.push(await storeEvaluation({ run_id, created_at, id: ids[n] ?? crypto.randomUUID() }));
    }
    return { path: `/v1/run/${run_id}/evaluations`, rows: rows.sort(isInOrder) };
  };

  it('answers any query with the page that it asks for, or refuses it, whatever its limit and its cursor', async () => {
    const { path, rows } = await storeRun([...TIMES, ...TIMES], makeFixedIds(10).slice(4));
    const input = fc.record(
      { limit: limitText, cursor: drawCursor(rows.map(formatPlace)) },
      { requiredKeys: [] },
    );
    await assertProperty({ runs: 60, sees: [200, 400] }, input, async ({ limit, cursor }) => {
      const query = [
        ...(limit === undefined ? [] : [`limit=${encodeURIComponent(limit)}`]),
        ...(cursor === undefined ? [] : [`cursor=${encodeURIComponent(cursor)}`]),
      ].join('&');
      const response = await worker(await request(`${path}?${query}`, { method: 'GET' }));

      const asked = readPageQuery(limit ?? '1000', cursor);
      const page =
        asked && rows.filter((row) => formatPlace(row) > asked.after).slice(0, asked.rows);
      expect({ status: response.status, answered: await response.json() }).toEqual({
        status: page ? 200 : 400,
        answered: page?.map(formatResource) ?? refusal,
      });
      return response.status;
    });
  });

  /** Returns undefined for a 400. A cursor is a time, a space and an id in base64. */
  function readPageQuery(
    limit: string,
    cursor?: string,
  ): { readonly rows: number; readonly after: string } | undefined {
    const isBase64 =
      cursor === undefined || (/^[a-zA-Z0-9]+$/.test(cursor) && cursor.length % 4 !== 1);
    const after = isBase64 ? atob(cursor ?? '') : '';
    const [time, id] = [after.slice(0, 25).replaceAll(/[0-9]/g, '0'), after.slice(25)];
    const isPlace = time === '0000-00-00T00:00:00.000Z ' && /^[-0-9a-f]{36}$/.test(id);
    const rows = Number(limit);
    const isPage = String(rows) === limit && Number.isInteger(rows) && rows > 0 && rows <= 1000;
    return isPage && (cursor === undefined || isPlace) ? { rows, after } : undefined;
  }

  async function readPages(
    path: string,
    limit: number,
  ): Promise<{ readonly entries: unknown[]; readonly sizes: number[] }> {
    const [entries, sizes]: [unknown[], number[]] = [[], []];
    let next: string | undefined = `${path}?limit=${limit}`;
    // The limit of ten pages ends the test if the links lead in a circle.
    while (next !== undefined && sizes.length < 10) {
      const response = await worker(await request(next, { method: 'GET' }));
      const page = await response.json<unknown[]>();
      entries.push(...page);
      sizes.push(page.length);
      next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    return { entries, sizes };
  }
  const listSizes = (total: number, limit: number) =>
    Array.from({ length: Math.max(Math.ceil(total / limit), 1) }, (_, page) =>
      Math.min(limit, total - page * limit),
    );

  it('leads through the whole list with any page size, in order, with no entry twice', async () => {
    const input = fc.record({
      times: fc.array(fc.constantFrom(...TIMES), { maxLength: 7 }),
      changes: fc.nat(4),
      limit: fc.integer({ min: 1, max: 5 }),
    });
    await assertProperty({ runs: 10, sees: [2] }, input, async ({ times, changes, limit }) => {
      const { path, rows } = await storeRun(times);
      const changed = await storeEvaluation({ value: 0 });
      for (let value = 1; value <= changes; value += 1)
        await worker(await putValue(changed, value));

      const pages = await readPages(path, limit);
      expect(pages).toEqual({
        entries: rows.map(formatResource),
        sizes: listSizes(rows.length, limit),
      });
      expect(await readPages(`${buildPath(changed)}/history`, limit)).toEqual({
        entries: (await readHistory(changed.id)).reverse(),
        sizes: listSizes(changes, limit),
      });
      return Math.min(pages.sizes.length, 2);
    });
  });
});
