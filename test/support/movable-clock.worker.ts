/**
 * Runs the Worker without a database. A test moves the Worker's clock with
 * `POST /test/advance?seconds=600`.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { systemClock } from '../../src/clock.ts';

let ahead = 0;
const DB = { withSession: () => ({}) } as unknown as D1Database;
const app = createApp({ ...env, DB }, { ...systemClock, now: () => new Date(Date.now() + ahead) });

export default {
  fetch(request: Request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/test/advance') return app.fetch(request);
    ahead += Number(searchParams.get('seconds')) * 1000;
    return new Response();
  },
};
