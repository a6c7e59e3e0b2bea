/**
 * Who sees what, over all operations: own, foreign and shared account × right and wrong run × tokens that open one
 * door. What is foreign and what is missing get the same bytes, and no other account's row is ever read or changed.
 */
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from './support/operations.ts';
import { ACCOUNT, mintToken, type Row, readEvaluation, readRun, storeEvaluation, worker } from './support/worker.ts';

const ACCOUNTS = {
  own: ACCOUNT,
  foreign: 'acc_neighbour',
  shared: 'shared',
  'differently spelt': ACCOUNT.toLowerCase(),
};

/** The restrictions of a token, given a row and another evaluation of its run. */
const TOKENS: Record<string, (row: Row, sibling: Row) => { run_id?: string; evaluation_id?: string }> = {
  'no restriction': () => ({}),
  'its run': ({ run_id }) => ({ run_id }),
  'its evaluation': ({ id }) => ({ evaluation_id: id }),
  'its run and evaluation, in upper case': ({ run_id, id }) => ({
    run_id: run_id.toUpperCase(),
    evaluation_id: id.toUpperCase(),
  }),
  'another run': () => ({ run_id: crypto.randomUUID() }),
  'another evaluation of the run': (_, sibling) => ({ evaluation_id: sibling.id }),
  'its run and another evaluation': ({ run_id }, sibling) => ({ run_id, evaluation_id: sibling.id }),
  'another run and its evaluation': ({ id }) => ({ run_id: crypto.randomUUID(), evaluation_id: id }),
  'the ids the wrong way round': ({ run_id, id }) => ({ run_id: id, evaluation_id: run_id }),
};

const same = (a: string | undefined, b: string) => a === undefined || a.toLowerCase() === b;

/** Everything of an answer but what is different each time. */
async function bytesOf(response: Response) {
  const headers = [...response.headers].filter(([name]) => name !== 'x-d1-bookmark');
  return { status: response.status, headers, body: await response.text() };
}

describe.each(OPERATIONS)('$name', ({ about, requestFor }) => {
  const ask = async (row: Row, restriction: object) =>
    worker(
      await requestFor(row, {
        authorization: `Bearer ${await mintToken({ ...restriction })}`,
        'x-request-id': 'same-for-all',
      }),
    );

  const cases = Object.entries(ACCOUNTS).flatMap(([whose, account_id]) =>
    ['right', 'wrong'].flatMap((run) => Object.keys(TOKENS).map((token) => [whose, run, token, account_id] as const)),
  );

  it.each(cases)(
    'of a row of the %s account, by its %s run, with a token for %s',
    async (_, run, token, account_id) => {
      const row = await storeEvaluation({ account_id });
      const sibling = await storeEvaluation({ account_id, run_id: row.run_id });
      const restriction = TOKENS[token]?.(row, sibling) ?? {};
      const asked = run === 'right' ? row : { ...row, run_id: crypto.randomUUID() };
      const nowhere = { ...row, id: crypto.randomUUID(), run_id: crypto.randomUUID() };

      const answer = await ask(asked, restriction);

      const opens =
        about === 'run'
          ? restriction.evaluation_id === undefined && same(restriction.run_id, asked.run_id)
          : same(restriction.run_id, asked.run_id) && same(restriction.evaluation_id, asked.id);
      const isThere = about === 'run' || (account_id === ACCOUNT && run === 'right');
      expect(answer.ok).toBe(opens && isThere);
      if (!answer.ok) {
        expect(answer.headers.has('x-d1-bookmark')).toBe(false);
        const missing = OPERATIONS.find(({ name }) => name === 'getEvaluation');
        const sent = await missing?.requestFor(nowhere, { 'x-request-id': 'same-for-all' });
        expect(await bytesOf(answer)).toEqual(sent && (await bytesOf(await worker(sent))));
      }
      for (const stored of account_id === ACCOUNT ? [sibling] : [row, sibling]) {
        expect(await readEvaluation(stored.id)).toEqual(stored);
      }
    },
  );
});

describe('a list', () => {
  it('of a run has the own account\u2019s rows alone, and of a foreign run the bytes of an unknown one', async () => {
    const own = await storeEvaluation();
    await storeEvaluation({ run_id: own.run_id, account_id: 'acc_neighbour' });
    await storeEvaluation({ run_id: own.run_id, account_id: 'shared' });
    const foreign = await storeEvaluation({ account_id: 'acc_neighbour' });
    const list = OPERATIONS.find(({ name }) => name === 'listEvaluations');
    const ask = async (row: Row) => {
      const sent = await list?.requestFor(row, { 'x-request-id': 'same-for-all' });
      return sent ? bytesOf(await worker(sent)) : undefined;
    };

    expect(JSON.parse((await ask(own))?.body ?? '')).toMatchObject([{ id: own.id }]);
    expect((await ask(foreign))?.body).toBe('[]');
    expect(await ask(foreign)).toEqual(await ask({ ...own, run_id: crypto.randomUUID() }));
  });
});

describe('a create', () => {
  it('stores in the account of the token, whoever else has the run', async () => {
    const foreign = await storeEvaluation({ account_id: 'acc_neighbour' });
    const create = OPERATIONS.find(({ name }) => name === 'createEvaluation');
    const sent = await create?.requestFor(foreign, {});
    if (sent) await worker(sent);

    const rows = await readRun(foreign.run_id);
    expect(rows).toContainEqual(foreign);
    expect(rows.map(({ account_id }) => account_id).sort()).toEqual([ACCOUNT, 'acc_neighbour'].sort());
  });
});
