/**
 * Runs the Worker on slow databases: one D1, and one object (a Durable Object with its own
 * database) for each account. Each database has a queue, in which each call waits CALL_MS, as if
 * for a commit. So the response time shows how long a request waited for the calls of other
 * accounts. The CPU, which all databases share, hardly changes this time.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';

/** How long each call waits in the queue of its database, in milliseconds. */
const { CALL_MS } = env as Env & { readonly CALL_MS: string };

/**
 * Creates the queue of a database: a function that makes calls. Each call starts at least CALL_MS
 * after the previous call.
 */
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
