/**
 * The Worker of reset.test.ts: the deployed app, with two differences.
 * - The clock stands still until a test moves it: POST /test/advance?seconds=1.
 * - There is no database. The tests send malformed ids, and the Worker refuses a malformed id
 *   before it reads a row.
 *
 * A request that waits for a timer checks again and again whether the test has moved the clock to
 * the end of the timer. If workerd cancels the request, the checks stop. So the timer ends with its
 * request, as a real timer would.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';

const POLL_MS = 5;
/**
 * While the Worker fetches the key set, a waiting request checks again and again whether the fetch
 * has ended. Between two checks it sleeps for 10 ms (POLL_MS in src/clock.ts). Only this sleep
 * takes real time. If the app sleeps longer than APP_POLL_MS, the sleep ends when the test moves
 * the clock.
 */
const APP_POLL_MS = 10;

let start: number | undefined;
let advancedMs = 0;
/**
 * The counters of the Worker. A test gets them from /test/state. It waits until a counter reaches a
 * number, so it need not sleep.
 * - `received`: the requests so far.
 * - `timers`: the timers set so far.
 * - `polling`: the requests that now wait for the key set. If workerd cancels a waiting request,
 *   `polling` still counts this request.
 */
const state = { received: 0, timers: 0, polling: 0 };

function now(): number {
  // In workerd, `Date.now()` does not return the time while this module loads, because no request
  // runs then. So the first request sets `start`.
  start ??= Date.now();
  return start + advancedMs;
}

const clock: Clock = {
  now: () => new Date(now()),
  async sleep(milliseconds) {
    if (milliseconds <= APP_POLL_MS) {
      // The fetch of the key set takes real time. The request waits for the fetch, so this sleep
      // must take real time too.
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
