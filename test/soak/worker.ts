/**
 * Runs the app as deployed on a D1 that fails now and then: before D1 sees a call, after the
 * commit, by overload, or by silence. The path /soak/faults, outside of the app, returns the number
 * of injected faults. The app sees only a wrapped binding, so src/ contains nothing for the soak.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { interceptD1 } from '../support/d1.ts';
import { drawFate, type Faults } from './faults.ts';

/** Longer than the Worker waits for D1. */
const HANG_MS = 6000;

const faults: Faults = { calls: 0, fails: 0, 'is lost': 0, 'is too much': 0, hangs: 0 };

const DB = interceptD1(env.DB, async (_, call) => {
  faults.calls += 1;
  const fate = drawFate(Date.now(), Math.random());
  if (fate === undefined) return call();
  faults[fate] += 1;
  if (fate === 'is too much') throw d1Error('D1 DB is overloaded. Requests queued for too long.');
  if (fate !== 'fails') await call();
  if (fate === 'hangs') await scheduler.wait(HANG_MS);
  throw d1Error('Network connection lost.');
});

/** Builds an error as D1 throws it: the cause names the fault. */
const d1Error = (message: string) =>
  new Error(`D1_ERROR: ${message}`, { cause: new Error(message) });

const app = createApp({ ...env, DB });

export default {
  fetch: (request: Request) =>
    new URL(request.url).pathname === '/soak/faults' ? Response.json(faults) : app.fetch(request),
};
