/**
 * Runs the Worker as deployed, with two differences. Its clock stands still until a test moves it,
 * and it has no database. The Worker refuses a malformed id before it would read a row.
 *
 * A timer looks at the clock from within the request that set it. So workerd ends the timer
 * together with the request, as it ends a timer of the system clock.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import type { Clock } from '../../src/clock.ts';

const POLL_MS = 5;
/** A request that sleeps no longer than this looks again and again whether work has ended. */
const LOOK_MS = 10;

let start: number | undefined;
let advancedMs = 0;
/**
 * The number of requests received and of timers set so far. `looking` counts the requests that look
 * now or looked when their caller left. A test waits for these numbers instead of for time to pass.
 */
const state = { received: 0, timers: 0, looking: 0 };

function now(): number {
  // Outside of a request workerd has no time.
  start ??= Date.now();
  return start + advancedMs;
}

const clock: Clock = {
  now: () => new Date(now()),
  async sleep(milliseconds) {
    if (milliseconds <= LOOK_MS) {
      // The clock stands still, but the work continues.
      state.looking += 1;
      await scheduler.wait(POLL_MS);
      state.looking -= 1;
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
