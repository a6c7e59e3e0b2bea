/**
 * Runs the app on slow databases: D1 for all accounts, and one object for each account. Each
 * database makes one call at a time and waits during the call, as for a commit. The time of a
 * response then shows for which databases the request waited, although all of them share the CPU of
 * one machine.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';

/** How long a database takes for a call. */
const { CALL_MS } = env as Env & { readonly CALL_MS: string };

/** Returns a function that makes a call after those before it. */
function createQueue() {
  let isFreeAt = 0;
  return async <T>(call: () => Promise<T>): Promise<T> => {
    isFreeAt = Math.max(isFreeAt, Date.now()) + Number(CALL_MS);
    await scheduler.wait(isFreeAt - Date.now());
    return call();
  };
}

const queueOfD1 = createQueue();
const bindings = { ...env, DB: interceptD1(env.DB, (_, call) => queueOfD1(call)) };

export class AccountObject extends DeployedObject {
  readonly #queue = createQueue();

  constructor(state: DurableObjectState) {
    super(state, bindings);
  }

  override run(...call: Parameters<DeployedObject['run']>) {
    return this.#queue(() => super.run(...call));
  }
}

export default createApp(bindings);
