/**
 * Runs the deployed app without a database, on a clock that only POST /test/advance moves. If
 * workerd cancels a request, the request's timers end.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';

const POLL_MS = 5;
/**
 * The app sleeps this long between two looks at the key set (POLL_MS in src/clock.ts). A longer
 * sleep lasts until a test moves the clock.
 */
const APP_POLL_MS = 10;

let start: number | undefined;
let advancedMs = 0;
/** `polling` counts the requests that wait for the key set, including canceled requests. */
const state = { received: 0, timers: 0, polling: 0 };

function now(): number {
  // In workerd, `Date.now()` does not return the time while a module loads.
  start ??= Date.now();
  return start + advancedMs;
}

const clock: Clock = {
  now: () => new Date(now()),
  async sleep(milliseconds) {
    if (milliseconds <= APP_POLL_MS) {
      // The fetch of the key set takes real time, so this sleep must take real time.
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
