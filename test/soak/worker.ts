/**
 * Runs the deployed app on a D1 that can fail (faults.ts). The request header `x-account-objects`
 * sets ACCOUNT_OBJECTS for one request.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';
import { type Faults, pickFate } from './faults.ts';

/** A call that hangs takes this long. The Worker waits only 5 s (src/db/connection.ts). */
const HANG_MS = 6000;

const { D1_FAULTS } = env as Env & { readonly D1_FAULTS?: string };

const faults: Faults = { calls: 0, fails: 0, 'is lost': 0, 'meets overload': 0, hangs: 0 };

const makeFaultyD1 = () =>
  interceptD1(env.DB, async (_, call) => {
    faults.calls += 1;
    const fate = pickFate(Date.now(), Math.random());
    if (fate === undefined) return call();
    faults[fate] += 1;
    if (fate === 'meets overload')
      throw makeD1Error('D1 DB is overloaded. Requests queued for too long.');
    if (fate !== 'fails') await call();
    if (fate === 'hangs') await scheduler.wait(HANG_MS);
    throw makeD1Error('Network connection lost.');
  });

/** Creates an error like D1's, with the same message in its `cause`. */
const makeD1Error = (message: string) =>
  new Error(`D1_ERROR: ${message}`, { cause: new Error(message) });

const bindings = { ...env, DB: D1_FAULTS ? makeFaultyD1() : env.DB };

export class AccountObject extends DeployedObject {
  constructor(state: DurableObjectState) {
    super(state, bindings);
  }
}

const versions = new Map<string, ReturnType<typeof createApp>>();

function pickVersion(request: Request): ReturnType<typeof createApp> {
  const ACCOUNT_OBJECTS = request.headers.get('x-account-objects') ?? '';
  const version = versions.get(ACCOUNT_OBJECTS) ?? createApp({ ...bindings, ACCOUNT_OBJECTS });
  versions.set(ACCOUNT_OBJECTS, version);
  return version;
}

export default {
  fetch: (request: Request) =>
    new URL(request.url).pathname === '/soak/faults'
      ? Response.json(faults)
      : pickVersion(request).fetch(request),
};
