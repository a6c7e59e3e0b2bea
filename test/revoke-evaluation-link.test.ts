/**
 * Tests revokeEvaluationLink. A revocation takes effect immediately, at every edge location, and
 * for one link only.
 */
import { describe, expect, it, vi } from 'vitest';
import { createLinkId, type EvaluationLink } from '../src/link/key.ts';
import { LINK_NOT_FOUND, NOT_FOUND } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { countCalls } from './support/d1.ts';
import { answer, createLinkTo, open, post, readRevocations } from './support/links.ts';
import {
  buildPath,
  claims,
  createWorker,
  DB,
  expectRefusal,
  expectRefusedUpdate,
  mintToken,
  type Row,
  readEvaluation,
  request,
  requirePresent,
  storeEvaluation,
  worker,
} from './support/worker.ts';

const revoke = async (row: Pick<Row, 'run_id' | 'id'>, link: string, claims: object = {}) =>
  request(`${buildPath(row)}/links/${link}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${await mintToken({ ...claims })}`, 'content-type': null },
  });

describe('revokeEvaluationLink', () => {
  it('ends a link: nothing is stored through it any more, on no edge, and its page is gone', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row);
    expect((await worker(post(url, { value: 7 }))).status).toBe(200);
    const stored = requirePresent(await readEvaluation(row.id));

    const response = await worker(await revoke(row, id));

    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    await expectRefusedUpdate(stored, post(url, { value: 9 }), LINK_NOT_FOUND);
    await expectRefusedUpdate(stored, post(url, { value: 9 }), LINK_NOT_FOUND, createWorker({}));
    expect((await worker(open(url))).status).toBe(404);
    expect((await worker(answer(url, requirePresent(stored.updated_at), '9'))).status).toBe(404);
    expect(await readEvaluation(row.id)).toEqual(stored);
  });

  it('logs the id of the revoked link', async () => {
    const row = await storeEvaluation();
    const { id } = await createLinkTo(row);
    const logged = vi.spyOn(console, 'log');

    await worker(await revoke(row, id));

    const [line] = logged.mock.calls.flat().map((text) => JSON.parse(String(text)));
    expect(line).toMatchObject({
      operation: 'revokeEvaluationLink',
      status: 204,
      evaluation: row.id,
      link: id,
    });
  });

  it('ends no other link, also none to the same evaluation by the same author', async () => {
    const row = await storeEvaluation();
    const [revoked, other] = [await createLinkTo(row), await createLinkTo(row)];

    await worker(await revoke(row, revoked.id));

    expect((await worker(post(other.url, { value: 9 }))).status).toBe(200);
  });

  it('refuses what was stored through the link before, when it is sent again', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row);
    const sent = () => post(url, { value: 7 }, { 'idempotency-key': 'k' });
    await worker(sent());
    const stored = requirePresent(await readEvaluation(row.id));

    await worker(await revoke(row, id));

    await expectRefusedUpdate(stored, sent(), LINK_NOT_FOUND);
  });

  it('stores one row for a repeated revocation, with the time at which the link would have expired', async () => {
    const row = await storeEvaluation();
    const link = await createLinkTo(row);

    for (const id of [link.id, link.id.toUpperCase()])
      expect((await worker(await revoke(row, id))).status).toBe(204);

    expect(await readRevocations(row)).toEqual([
      {
        account_id: row.account_id,
        evaluation_id: row.id,
        id: link.id,
        expires_at: link.expires_at,
      },
    ]);
  });

  it('revokes in one call to D1, also for a missing evaluation', async () => {
    const row = await storeEvaluation();
    const { id } = await createLinkTo(row);
    const { db, calls } = countCalls(DB);
    const send = createWorker({ DB: db });

    await expectRefusal(
      await send(await revoke({ ...row, id: crypto.randomUUID() }, id)),
      NOT_FOUND,
    );

    expect(calls).toEqual(['batch']);
  });

  it('does not end a link that is named under another evaluation, of the same run or not', async () => {
    const row = await storeEvaluation();
    const sibling = await storeEvaluation({ run_id: row.run_id });
    const { id, url } = await createLinkTo(row);

    expect((await worker(await revoke(sibling, id))).status).toBe(204);

    expect((await worker(post(url, { value: 9 }))).status).toBe(200);
  });

  it('ends no link of another account that has an evaluation of the same ids', async () => {
    const row = await storeEvaluation();
    await storeEvaluation({ id: row.id, run_id: row.run_id, account_id: 'acc_neighbour' });
    const { id, url } = await createLinkTo(row);

    expect((await worker(await revoke(row, id, { account_id: 'acc_neighbour' }))).status).toBe(204);

    expect((await worker(post(url, { value: 9 }))).status).toBe(200);
  });

  it('answers 404 for an id that no link can have, because it would expire in more than 90 days and an hour', async () => {
    const row = await storeEvaluation();
    const now = new Date();
    const send = createWorker({}, createStillClock(now));
    const latest = now.getTime() + (90 * 24 + 1) * 3_600_000;
    const readLinkId = (expires: number) => createLinkId(new Date(expires).toISOString());

    for (const id of [readLinkId(latest + 1), 'ffffffff-ffff-8fff-bfff-ffffffffffff'])
      await expectRefusedUpdate(row, await revoke(row, id), NOT_FOUND, send);
    expect(await readRevocations(row)).toEqual([]);
    expect((await send(await revoke(row, readLinkId(latest)))).status).toBe(204);
    expect(await readRevocations(row)).toMatchObject([
      { expires_at: new Date(latest).toISOString() },
    ]);
  });

  it('ends the longest link immediately, also on an edge whose clock is behind the creating one', async () => {
    const row = await storeEvaluation();
    const now = new Date();
    const headers = {
      authorization: `Bearer ${await mintToken({ exp: claims({}, now).exp + 3600 })}`,
    };
    const ahead = createWorker({}, createStillClock(new Date(now.getTime() + 60_000)));
    const make = { method: 'POST', headers, body: '{"expires_in":7776000}' };
    const { id, url } = await (
      await ahead(await request(`${buildPath(row)}/links`, make))
    ).json<EvaluationLink>();

    const response = await createWorker({}, createStillClock(now))(await revoke(row, id));

    expect(response.status).toBe(204);
    await expectRefusedUpdate(row, post(url, { value: 9 }), LINK_NOT_FOUND);
  });

  it('answers 404 and stores nothing for an evaluation that is missing, of another run, or of another account', async () => {
    const row = await storeEvaluation();
    const { id } = await createLinkTo(row);
    const other = crypto.randomUUID();

    for (const path of [
      { run_id: row.run_id, id: other },
      { run_id: other, id: row.id },
    ])
      await expectRefusedUpdate(row, await revoke(path, id), NOT_FOUND);
    await expectRefusedUpdate(
      row,
      await revoke(row, id, { account_id: 'acc_neighbour' }),
      NOT_FOUND,
    );
    expect([
      ...(await readRevocations(row)),
      ...(await readRevocations({ ...row, id: other })),
    ]).toEqual([]);
  });

  it('answers 404 to a revocation with a token for that evaluation alone, or for another run', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row);

    for (const restriction of [{ evaluation_id: row.id }, { run_id: crypto.randomUUID() }])
      await expectRefusedUpdate(row, await revoke(row, id, restriction), NOT_FOUND);
    expect((await worker(post(url, { value: 9 }))).status).toBe(200);
  });

  it('keeps a link revoked when the evaluation is deleted and created again', async () => {
    const row = await storeEvaluation();
    const { id, url } = await createLinkTo(row);
    await worker(await revoke(row, id));
    await DB.prepare('DELETE FROM run_evaluation WHERE account_id = ? AND id = ?')
      .bind(row.account_id, row.id)
      .run();
    await storeEvaluation(row);

    await expectRefusedUpdate(row, post(url, { value: 9 }), LINK_NOT_FOUND);
  });
});
