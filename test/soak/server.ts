/**
 * A Worker in workerd with a real local D1, on loopback, bundled as `wrangler deploy` would. By
 * Miniflare itself, in one process: with wrangler's development server there is a proxy in front,
 * and memory grows with each request whatever the Worker keeps.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { unstable_readConfig } from 'wrangler';
import { migrationStatements } from '../node/migrations.ts';
import type { Faults } from './faults.ts';

/** The one that wrangler brings. */
const { Miniflare } = createRequire(import.meta.url)('miniflare');

/**
 * Left to itself V8 lets garbage pile up for minutes, and so hides what is kept. A heap of this
 * size has to be collected all the time; one that is outgrown ends workerd, and with it the soak.
 */
const HEAP_MAX_MIB = 24;

/** The fields of a request's log line that tell how often the Worker tried. */
type LogLine = {
  readonly status: number;
  readonly db_calls?: number;
  readonly db_attempts?: number;
};

export type Server = {
  readonly url: URL;
  readonly readFaults: () => Promise<Faults>;
  /**
   * Requests that met a fault and were answered as if there had been none, by the Worker's own log.
   */
  readonly countAbsorbed: () => number;
  readonly stop: () => Promise<void>;
};

export type Label = { readonly id: string; readonly min: number; readonly max: number };

export type Build = {
  /** Takes all files, and goes when nobody needs them. */
  readonly folder: string;
  readonly config: unknown;
};

/** Bundles an entry module and binds one D1, `DB`. `settings` are the variables of the Worker. */
export function build(
  folder: string,
  entry: string,
  settings: Readonly<Record<string, string>>,
): Build {
  // Keeps it to this machine and to that folder.
  const own = { TMPDIR: folder, WRANGLER_LOG_PATH: join(folder, 'logs') };
  Object.assign(process.env, { ...own, CI: 'true', WRANGLER_SEND_METRICS: 'false' });
  const { compatibility_date, minify, keep_names } = unstable_readConfig({
    config: 'wrangler.toml',
  });
  const config = join(folder, 'wrangler.json');
  const main = join(process.cwd(), entry);
  writeFileSync(
    config,
    JSON.stringify({ name: 'soak', main, compatibility_date, minify, keep_names }),
  );
  execFileSync('wrangler', ['deploy', '--config', config, '--dry-run', '--outdir', folder]);
  const name = basename(entry).replace('.ts', '.js');
  const contents = readFileSync(join(folder, name), 'utf8');
  return {
    folder,
    config: {
      name: 'soak',
      compatibilityDate: compatibility_date,
      manifest: {
        mainModule: name,
        modulesRoot: folder,
        modules: { [name]: { type: 'esm', contents } },
      },
      env: {
        DB: { type: 'd1', id: 'soak' },
        ...Object.fromEntries(
          Object.entries(settings).map(([setting, value]) => [setting, { type: 'text', value }]),
        ),
      },
    },
  };
}

/** Returns the folder in which Miniflare stores the database. */
export const storeOf = (folder: string) => join(folder, 'store');

/**
 * Starts workerd on the stored database. If the caller gives a label, the database is new: this
 * function applies the migrations and stores the label.
 */
export async function startServer({ folder, config }: Build, label?: Label): Promise<Server> {
  Object.assign(process.env, { MINIFLARE_WORKERD_V8_FLAGS: `--max-heap-size=${HEAP_MAX_MIB}` });
  let absorbed = 0;
  const read = (line: string) => {
    if (!line.startsWith('{')) return;
    const { status, db_calls = 0, db_attempts = 0 }: LogLine = JSON.parse(line);
    if (status < 500 && db_attempts > db_calls) absorbed += 1;
  };
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    logRequests: false,
    resourceTmpPath: folder,
    resourcePersistencePath: storeOf(folder),
    handleStructuredLogs: ({ message }: { readonly message: string }) => read(message),
    workers: [{ config }],
  });
  const stop = async () => miniflare.dispose();
  try {
    const url: URL = await miniflare.ready;
    if (label) await prepare(await miniflare.getD1Database('DB'), label);
    const readFaults = async (): Promise<Faults> =>
      (await fetch(new URL('/soak/faults', url))).json() as Promise<Faults>;
    return { url, readFaults, countAbsorbed: () => absorbed, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** As much of D1 as is needed here; its types belong to the runtime. */
type Database = {
  prepare: (sql: string) => { bind: (...values: unknown[]) => { run: () => Promise<unknown> } };
};

/** Applies the migrations, and stores the label. */
async function prepare(db: Database, { id, min, max }: Label): Promise<void> {
  for (const statement of migrationStatements()) await db.prepare(statement).bind().run();
  const insert =
    "INSERT INTO evaluation_label (id, account_id, name, value_type, min_value, max_value) VALUES (?, 'shared', 'soak', 'continuous', ?, ?)";
  await db.prepare(insert).bind(id, min, max).run();
}
