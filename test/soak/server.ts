/**
 * The Worker in workerd with a real local D1, on loopback, bundled as `wrangler deploy` would, but for its entry module.
 * By Miniflare itself, in one process: with wrangler's development server there is a proxy in front, and memory grows
 * with each request whatever the Worker keeps.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { unstable_readConfig } from 'wrangler';
import { migrationStatements } from '../node/migrations.ts';
import type { Faults } from './faults.ts';
import { BINDINGS } from './stores.ts';

/** The one that wrangler brings. */
const { Miniflare } = createRequire(import.meta.url)('miniflare');

/**
 * Left to itself V8 lets garbage pile up for minutes, and so hides what is kept. A heap of this size has to be collected
 * all the time; one that is outgrown ends workerd, and with it the soak.
 */
const HEAP_MAX_MIB = 24;

/** What the log line of a request says of its tries. */
type LogLine = {
  readonly status: number;
  readonly refusal?: string;
  readonly d1_calls?: number;
  readonly d1_attempts?: number;
};

export type Server = {
  readonly url: URL;
  readonly readFaults: () => Promise<Faults>;
  /** Requests that met a fault and were answered as if there had been none, by the Worker's own log. */
  readonly countAbsorbed: () => number;
  /** Writes that were refused because the account was being moved. */
  readonly countFenced: () => number;
  readonly stop: () => Promise<void>;
};

export type Label = { readonly id: string; readonly min: number; readonly max: number };

/** `folder` takes all files, and goes when nobody needs them. */
export async function startServer(folder: string, secret: string, label: Label): Promise<Server> {
  // Keeps both to this machine and to that folder.
  Object.assign(process.env, {
    TMPDIR: folder,
    CI: 'true',
    WRANGLER_SEND_METRICS: 'false',
    MINIFLARE_WORKERD_V8_FLAGS: `--max-heap-size=${HEAP_MAX_MIB}`,
  });
  let [absorbed, fenced] = [0, 0];
  const read = (line: string) => {
    if (!line.startsWith('{')) return;
    const { status, refusal, d1_calls = 0, d1_attempts = 0 }: LogLine = JSON.parse(line);
    if (refusal === 'account_moving') fenced += 1;
    if (status < 500 && d1_attempts > d1_calls) absorbed += 1;
  };
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    logRequests: false,
    resourceTmpPath: folder,
    handleStructuredLogs: ({ message }: { readonly message: string }) => read(message),
    workers: [{ config: configOf(folder, secret) }],
  });
  const stop = async () => miniflare.dispose();
  try {
    const url: URL = await miniflare.ready;
    for (const name of BINDINGS) await prepare(await miniflare.getD1Database(name), label);
    const readFaults = async (): Promise<Faults> =>
      (await fetch(new URL('/soak/faults', url))).json() as Promise<Faults>;
    return { url, readFaults, countAbsorbed: () => absorbed, countFenced: () => fenced, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The bundle, and what wrangler.toml says of how it runs. */
function configOf(folder: string, secret: string) {
  const { compatibility_date, minify, keep_names } = unstable_readConfig({ config: 'wrangler.toml' });
  const main = join(process.cwd(), 'test/soak/worker.ts');
  const config = join(folder, 'wrangler.json');
  writeFileSync(config, JSON.stringify({ name: 'soak', main, compatibility_date, minify, keep_names }));
  execFileSync('wrangler', ['deploy', '--config', config, '--dry-run', '--outdir', folder]);
  const contents = readFileSync(join(folder, 'worker.js'), 'utf8');
  return {
    name: 'soak',
    compatibilityDate: compatibility_date,
    manifest: { mainModule: 'worker.js', modulesRoot: folder, modules: { 'worker.js': { type: 'esm', contents } } },
    env: {
      ...Object.fromEntries(BINDINGS.map((name) => [name, { type: 'd1', id: name }])),
      JWT_SECRET: { type: 'text', value: secret },
    },
  };
}

/** As much of D1 as is needed here; its types belong to the runtime. */
type Database = { prepare: (sql: string) => { bind: (...values: unknown[]) => { run: () => Promise<unknown> } } };

/** Applies the migrations, and stores the label. */
async function prepare(db: Database, { id, min, max }: Label): Promise<void> {
  for (const statement of migrationStatements()) await db.prepare(statement).bind().run();
  const insert =
    "INSERT INTO evaluation_label (id, account_id, name, value_type, min_value, max_value) VALUES (?, 'shared', 'soak', 'continuous', ?, ?)";
  await db.prepare(insert).bind(id, min, max).run();
}
