/**
 * Runs the app in several versions at a time, as during a deployment. The header
 * `x-account-objects` of a request chooses the version: it is that version's ACCOUNT_OBJECTS.
 *
 * If the variable D1_FAULTS is set, D1 fails now and then, for the app and for the objects. It
 * fails before D1 sees a call, after the commit, by overload, or by silence. The path /soak/faults,
 * outside of the app, returns the number of injected faults. src/ contains nothing for the soak.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { AccountObject as DeployedObject } from '../../src/db/account-object.ts';
import { interceptD1 } from '../support/d1.ts';
import { drawFate, type Faults } from './faults.ts';

/** A call hangs longer than the Worker waits for D1. */
const HANG_MS = 6000;

const { D1_FAULTS } = env as Env & { readonly D1_FAULTS?: string };

const faults: Faults = { calls: 0, fails: 0, 'is lost': 0, 'is too much': 0, hangs: 0 };

const makeFaultyD1 = () =>
  interceptD1(env.DB, async (_, call) => {
    faults.calls += 1;
    const fate = drawFate(Date.now(), Math.random());
    if (fate === undefined) return call();
    faults[fate] += 1;
    if (fate === 'is too much')
      throw makeD1Error('D1 DB is overloaded. Requests queued for too long.');
    if (fate !== 'fails') await call();
    if (fate === 'hangs') await scheduler.wait(HANG_MS);
    throw makeD1Error('Network connection lost.');
  });

/** Makes an error as D1 throws it: the cause names the fault. */
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
