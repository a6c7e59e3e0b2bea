/**
 * Tests which callers can see and change which rows, for each operation. For a row of another
 * account, the Worker answers with the same bytes as for a missing row. Almost every case breaks a
 * single rule, because a second broken rule could hide a missing check.
 */
import { describe, expect, it } from 'vitest';
import { OPERATIONS, type Restriction, runByOperation } from './support/operations.ts';
import {
  ACCOUNT,
  buildLabelPath,
  buildPath,
  get,
  mintToken,
  type Row,
  readEvaluations,
  readLabel,
  readRun,
  request,
  requirePresent,
  STORE,
  storeEvaluation,
  storeEvaluations,
  storeLabel,
  worker,
} from './support/worker.ts';

const FOREIGN = 'acc_neighbour';

const RESTRICTIONS = {
  nothing: () => ({}),
  'its run': ({ run_id }) => ({ run_id }),
  'its evaluation': ({ id }) => ({ evaluation_id: id }),
  'its run and evaluation, in upper case': ({ run_id, id }) => ({
    run_id: run_id.toUpperCase(),
    evaluation_id: id.toUpperCase(),
  }),
  'another run': () => ({ run_id: crypto.randomUUID() }),
  'another evaluation of the run': (_, sibling) => ({ evaluation_id: sibling.id }),
  'its run and another evaluation': ({ run_id }, sibling) => ({
    run_id,
    evaluation_id: sibling.id,
  }),
  'another run and its evaluation': ({ id }) => ({
    run_id: crypto.randomUUID(),
    evaluation_id: id,
  }),
  'its ids the wrong way round': ({ run_id, id }) => ({ run_id: id, evaluation_id: run_id }),
} satisfies Record<string, (row: Row, sibling: Row) => Restriction>;

type Restricted = keyof typeof RESTRICTIONS;

const all = Object.keys(RESTRICTIONS) as Restricted[];
const fitting: Restricted[] = [
  'nothing',
  'its run',
  'its evaluation',
  'its run and evaluation, in upper case',
];

const CASES = [
  ...all.map((token) => ['own', ACCOUNT, 'right', token] as const),
  // The run in the path is wrong, and the Worker must not take the run from the token instead.
  ...fitting.map((token) => ['own', ACCOUNT, 'wrong', token] as const),
  ...fitting.map((token) => ['foreign', FOREIGN, 'right', token] as const),
  ['shared', 'shared', 'right', 'nothing'] as const,
  ['differently spelled', ACCOUNT.toLowerCase(), 'right', 'nothing'] as const,
];

async function readBytes(response: Response) {
  const headers = [...response.headers].filter(([name]) => name !== 'x-d1-bookmark');
  return { status: response.status, headers, body: await response.text() };
}

const ask = async (
  requestFor: (typeof OPERATIONS)[number]['requestFor'],
  row: Row,
  restriction: Restriction,
): Promise<Response> =>
  worker(
    await requestFor(row, {
      authorization: `Bearer ${await mintToken(restriction)}`,
      'x-request-id': 'same-for-all',
    }),
  );

async function readMissingRefusal() {
  const path = buildPath({ run_id: crypto.randomUUID(), id: crypto.randomUUID() });
  const headers = {
    authorization: `Bearer ${await mintToken({ evaluation_id: crypto.randomUUID() })}`,
    'x-request-id': 'same-for-all',
  };
  return readBytes(await worker(await get(path, headers)));
}

describe('each operation', () => {
  it.each(CASES)(
    'accepts or refuses, and reads and changes nothing else: a row of the %s account (%s), by its %s run, with a token restricted to %s',
    async (_, account_id, run, token) => {
      const rows = await storeEvaluations(...OPERATIONS.map(() => ({ account_id })));
      const siblings = await storeEvaluations(
        ...rows.map(({ run_id }) => ({ account_id, run_id })),
      );
      const cases = OPERATIONS.map(({ name, resource, requestFor }, n) => {
        const [row, sibling] = [requirePresent(rows[n]), requirePresent(siblings[n])];
        const restriction: Restriction = RESTRICTIONS[token](row, sibling);
        const asked = run === 'right' ? row : { ...row, run_id: crypto.randomUUID() };
        const isAccepted = resource.isAllowedBy(restriction, asked) && resource.exists(row, asked);
        return { name, row, sibling, asked, restriction, isAccepted, requestFor };
      });
      const refusal = await readMissingRefusal();

      const answers = [];
      for (const { name, asked, restriction, requestFor } of cases) {
        const response = await ask(requestFor, asked, restriction);
        // A bookmark in a refusal would reveal that the Worker has called the database.
        const hasBookmark = response.headers.has('x-d1-bookmark');
        const answer = response.ok ? 'accepted' : await readBytes(response);
        answers.push([name, { answer, hasBookmark }] as const);
      }

      expect(Object.fromEntries(answers)).toEqual(
        Object.fromEntries(
          cases.map(({ name, isAccepted }) => [
            name,
            {
              answer: isAccepted ? 'accepted' : refusal,
              hasBookmark: isAccepted && STORE === 'd1',
            },
          ]),
        ),
      );
      const untouched = cases.flatMap(({ name, row, sibling, isAccepted }) =>
        (isAccepted && account_id === ACCOUNT ? [sibling] : [row, sibling]).map((stored) => ({
          name,
          stored,
        })),
      );
      const now = await readEvaluations(untouched.map(({ stored }) => stored.id));
      expect(untouched.map(({ name, stored }) => ({ name, stored: now.get(stored.id) }))).toEqual(
        untouched,
      );
    },
  );

  it('refuses what is missing with the same bytes, with a token that allows it and with a token that does not', async () => {
    const nowhere = await storeEvaluation({ account_id: FOREIGN });
    const refusal = await readMissingRefusal();
    const elsewhere = { evaluation_id: crypto.randomUUID() };

    // The two rounds do not run at the same time, because a row that one round stores could change
    // a response in the other.
    const allowed = await runByOperation(async ({ missing, requestFor }) =>
      missing === null ? refusal : readBytes(await ask(requestFor, nowhere, {})),
    );
    const restricted = await runByOperation(async ({ requestFor }) =>
      readBytes(await ask(requestFor, nowhere, elsewhere)),
    );

    const expected = await runByOperation(() => refusal);
    expect(refusal.status).toBe(404);
    expect({ allowed, restricted }).toEqual({ allowed: expected, restricted: expected });
  });
});

describe('a list', () => {
  it('lists only the rows of the caller\u2019s account, and answers for a foreign run as for an unknown one', async () => {
    const own = await storeEvaluation();
    await storeEvaluation({ run_id: own.run_id, account_id: FOREIGN });
    await storeEvaluation({ run_id: own.run_id, account_id: 'shared' });
    const foreign = await storeEvaluation({ account_id: FOREIGN });
    const list = async (run: string) =>
      readBytes(
        await worker(await get(`/v1/run/${run}/evaluations`, { 'x-request-id': 'same-for-all' })),
      );

    expect(JSON.parse((await list(own.run_id)).body)).toMatchObject([{ id: own.id }]);
    expect((await list(foreign.run_id)).body).toBe('[]');
    expect(await list(foreign.run_id)).toEqual(await list(crypto.randomUUID()));
  });
});

describe('a create', () => {
  it('creates an evaluation in the account of the token, whichever account has the run', async () => {
    const foreign = await storeEvaluation({ account_id: FOREIGN });
    const evaluation_label_id = crypto.randomUUID();
    await storeLabel({ id: evaluation_label_id });
    const body = JSON.stringify({ evaluation_label_id, value: 9 });

    await worker(await request(`/v1/run/${foreign.run_id}/evaluations`, { method: 'POST', body }));

    const rows = await readRun(foreign.run_id);
    expect(rows).toContainEqual(foreign);
    expect(rows.map(({ account_id }) => account_id).sort()).toEqual([ACCOUNT, FOREIGN].sort());
  });
});

describe('a label', () => {
  it('lets only the label\u2019s account use, read and list the label, unless it is shared', async () => {
    const [own, foreign, shared] = [
      // The early `created_at` puts the three labels on the first page of the list.
      await storeLabel({ created_at: '2020-01-01T00:00:00.000Z' }),
      await storeLabel({ account_id: FOREIGN, created_at: '2020-01-01T00:00:00.000Z' }),
      await storeLabel({ account_id: 'shared', created_at: '2020-01-01T00:00:00.000Z' }),
    ];
    const nowhere = { id: crypto.randomUUID() };
    const use = async ({ id }: { id: string }) => {
      const body = JSON.stringify({ evaluation_label_id: id, value: 1 });
      const headers = { 'x-request-id': 'same-for-all' };
      return worker(
        await request(`/v1/run/${own.id}/evaluations`, { method: 'POST', body, headers }),
      );
    };
    const change = async ({ id }: { id: string }) => {
      const headers = { 'x-request-id': 'same-for-all', 'if-match': '*' };
      return worker(await request(buildLabelPath({ id }), { body: '{"archived":false}', headers }));
    };

    const statuses = await Promise.all(
      [own, shared, foreign].map(async (label) => (await use(label)).status),
    );
    expect(statuses).toEqual([201, 201, 404]);
    expect(await readBytes(await use(foreign))).toEqual(await readBytes(await use(nowhere)));
    for (const label of [foreign, shared]) {
      expect(await readBytes(await change(label))).toEqual(await readBytes(await change(nowhere)));
      expect(await readLabel(label.id, label.account_id)).toEqual(label);
    }
    const listed = await (await worker(await get('/v1/evaluation-labels'))).json<
      { account_id: string }[]
    >();
    expect(new Set(listed.map(({ account_id }) => account_id))).toEqual(
      new Set([ACCOUNT, 'shared']),
    );
  });

  it('creates a label under the id of another account\u2019s, and no answer tells of that label', async () => {
    const foreign = await storeLabel({ account_id: FOREIGN, name: 'secret' });
    const create = async (id: string) => {
      const body = JSON.stringify({ id, name: 'mine', value_type: 'binary' });
      const response = await worker(
        await request('/v1/evaluation-labels', { method: 'POST', body }),
      );
      return [
        response.status,
        (await response.text()).replaceAll(id, '').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, ''),
      ];
    };

    expect(await create(foreign.id)).toEqual(await create(crypto.randomUUID()));
    expect(await readLabel(foreign.id, FOREIGN)).toEqual(foreign);
  });
});
