/**
 * The Worker as deployed, but for a D1 that fails now and then: before it saw a call, after the commit, by overload, by
 * silence. Paths of its own, outside of the app, tell what was injected, run the statements of a move, and deploy settings.
 * Nothing of src/ is changed: a wrapped binding is all that the app gets to see.
 */
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { boundDatabases } from '../../src/db/databases.ts';
import { interceptD1 } from '../support/d1.ts';
import { drawFate, type Faults, SIDE_BY_SIDE_MS } from './faults.ts';

/** Longer than the Worker waits for D1. */
const HANG_MS = 6000;

const faults: Faults = { calls: 0, fails: 0, 'is lost': 0, 'is too much': 0, hangs: 0 };

const flaky = (db: D1Database) =>
  interceptD1(db, async (_, call) => {
    faults.calls += 1;
    const fate = drawFate(Date.now(), Math.random());
    if (fate === undefined) return call();
    faults[fate] += 1;
    if (fate === 'is too much') throw d1Error('D1 DB is overloaded. Requests queued for too long.');
    if (fate !== 'fails') await call();
    if (fate === 'hangs') await scheduler.wait(HANG_MS);
    throw d1Error('Network connection lost.');
  });

/** As D1 throws: what happened is in the cause. */
const d1Error = (message: string) => new Error(`D1_ERROR: ${message}`, { cause: new Error(message) });

const bound = boundDatabases(env);
const databases = Object.fromEntries(bound.map(({ name, db }) => [name, flaky(db)]));
const versionWith = (DATABASES: string) => createApp({ ...env, ...databases, DATABASES });

let version = versionWith('');
/** The version before it, which still takes some of the writes for a while, as at a deployment. */
let old: { readonly app: typeof version; readonly until: number } | undefined;

type Asked = { readonly name: string; readonly statements: readonly { sql: string; params: unknown[] }[] };

async function runBatch(request: Request): Promise<Response> {
  const { name, statements } = await request.json<Asked>();
  const db = bound.find((database) => database.name === name)?.db;
  try {
    const results = await db?.batch(statements.map(({ sql, params }) => db.prepare(sql).bind(...params)));
    return Response.json({ rows: results?.map((result) => result.results) });
  } catch (thrown) {
    return Response.json({ error: String(thrown) });
  }
}

export default {
  fetch: async (request: Request) => {
    switch (new URL(request.url).pathname) {
      case '/soak/faults':
        return Response.json(faults);
      case '/soak/d1':
        return runBatch(request);
      case '/soak/deploy':
        old = { app: version, until: Date.now() + SIDE_BY_SIDE_MS };
        version = versionWith(await request.text());
        return new Response();
      default: {
        const isOld = old && request.method !== 'GET' && Date.now() < old.until && Math.random() < 0.5;
        return isOld && old ? old.app.fetch(request) : version.fetch(request);
      }
    }
  },
};
