/**
 * Runs the Worker on databases that start at most one call every CALL_MS. The response time shows
 * how many other calls a request waited for.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';

const { CALL_MS } = env as Env & { readonly CALL_MS: string };

/** Returns a function that starts each call at least CALL_MS after the previous call. */
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
