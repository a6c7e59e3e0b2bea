/**
 * The Worker of reset.test.ts: the deployed app, with two differences.
 * - The clock stands still until a test moves it: POST /test/advance?seconds=1.
 * - There is no database. The tests send malformed ids, which the Worker refuses before it would
 *   read a row.
 *
 * Each timer polls the clock inside the request that set the timer. If workerd cancels the request,
 * the timer ends too, as a real timer would.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';

const POLL_MS = 5;
/**
 * While the Worker fetches the key set, a waiting request checks again and again whether the fetch
 * has ended. Between two checks it sleeps this long (POLL_MS in src/clock.ts). If the app sleeps
 * longer, the sleep is a timer, and follows the test's clock.
 */
const APP_POLL_MS = 10;

let start: number | undefined;
let advancedMs = 0;
/**
 * Counters that a test reads from /test/state, and waits for instead of sleeping.
 * - `received`: the requests so far.
 * - `timers`: the timers set so far.
 * - `polling`: the requests that now wait for the key set. A request that workerd cancels while it
 *   waits stays in the number.
 */
const state = { received: 0, timers: 0, polling: 0 };

function now(): number {
  // workerd has no time outside of a request. So the first request sets `start`, and not the load
  // of this module.
  start ??= Date.now();
  return start + advancedMs;
}

const clock: Clock = {
  now: () => new Date(now()),
  async sleep(milliseconds) {
    if (milliseconds <= APP_POLL_MS) {
      // The fetch of the key set takes real time, so this sleep must not follow the test's clock.
      state.polling += 1;
      await scheduler.wait(POLL_MS);
      state.polling -= 1;
      return;
    }
    state.timers += 1;
    const end = now() + milliseconds;
    while (now() < end) await scheduler.wait(POLL_MS);
  },
  after(milliseconds, action) {
    state.timers += 1;
    const end = now() + milliseconds;
    const timer = setInterval(() => {
      if (now() < end) return;
      clearInterval(timer);
      action();
    }, POLL_MS);
    return () => clearInterval(timer);
  },
};

const DB = { withSession: () => ({}) } as unknown as D1Database;
const app = createApp({ ...env, DB }, clock);

export default {
  fetch(request: Request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/test/state') return Response.json(state);
    if (pathname === '/test/advance') {
      advancedMs += Number(searchParams.get('seconds')) * 1000;
      return new Response();
    }
    state.received += 1;
    return app.fetch(request);
  },
};
