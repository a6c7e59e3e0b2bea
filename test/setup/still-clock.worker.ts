/**
 * The Worker as deployed, with two differences. Its clock stands still until a test moves it, and it has no database: it
 * refuses a malformed id before it would read one. A timer looks at the clock from within the request that set it, so
 * that workerd ends the timer together with the request, as it does with a timer of the system clock.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';

const POLL_MS = 5;

let start: number | undefined;
let advancedMs = 0;
/** Requests received and timers set so far: a test waits for them instead of for time to pass. */
const state = { received: 0, timers: 0 };

function now(): number {
  // Outside of a request workerd has no time.
  start ??= Date.now();
  return start + advancedMs;
}

const clock: Clock = {
  now: () => new Date(now()),
  async sleep(milliseconds) {
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
