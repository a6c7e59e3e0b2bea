/** What may stop an object while it brings its account over: a restart. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import {
  freshAccount,
  get,
  mintToken,
  pathOf,
  storeEvaluation,
  workerWith,
} from './support/worker.ts';

const IN_A_MINUTE_MS = 60_000;

/** Returns the object of an account that has arrived, and has rows in D1 to delete. */
async function storeArrived() {
  const account_id = freshAccount();
  const row = await storeEvaluation({ account_id });
  const headers = { authorization: `Bearer ${await mintToken({ account_id })}` };
  const send = workerWith({ ACCOUNT_OBJECTS: account_id });
  expect((await send(await get(pathOf(row), headers))).status).toBe(200);
  const stub = env.ACCOUNT_OBJECT.getByName(account_id);
  await runInDurableObject(stub, (_, { storage }) => {
    storage.kv.put('arrival', { ...storage.kv.get<object>('arrival'), step: 'deleting', table: 0 });
  });
  return stub;
}

const alarmOf = (stub: Awaited<ReturnType<typeof storeArrived>>) =>
  runInDurableObject(stub, (_, { storage }) => storage.getAlarm());

it('an object that restarts does not put off an alarm that is set', async () => {
  const stub = await storeArrived();
  const at = Date.now() + 5000;
  await runInDurableObject(stub, (_, { storage }) => storage.setAlarm(at));

  await evictDurableObject(stub);

  expect(await alarmOf(stub)).toBe(at);
});

it('an object that restarts with work left and without an alarm sets one', async () => {
  const stub = await storeArrived();
  await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());

  await evictDurableObject(stub);

  await expect.poll(() => alarmOf(stub)).toBeLessThan(Date.now() + IN_A_MINUTE_MS);
});
