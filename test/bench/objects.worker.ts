/**
 * Runs the Worker on databases that are slow on purpose: one D1, and one object (a Durable Object
 * with its own database) for each account. Each database has a queue. The queue starts at most one
 * call every CALL_MS, as if each call had to wait for a commit. So the response time shows how many
 * calls of other accounts a request waited for. All databases share one CPU, but the CPU is mostly
 * idle and hardly affects the response time.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';

/** The shortest time that a call waits in the queue of its database, in milliseconds. */
const { CALL_MS } = env as Env & { readonly CALL_MS: string };

/**
 * Creates the queue of a database. The returned function runs a call at least CALL_MS after it ran
 * the previous call.
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
