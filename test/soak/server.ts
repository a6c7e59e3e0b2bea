/**
 * Bundles a Worker as `wrangler deploy` does, and runs the bundle in workerd. The memory of
 * `wrangler dev` also grows, which would hide a memory leak of the Worker.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { unstable_readConfig } from 'wrangler';
import { listMigrationStatements } from '../node/migrations.ts';
import type { Faults } from './faults.ts';

// Only wrangler depends on Miniflare, so Biome forbids an `import` of Miniflare.
const { Miniflare } = createRequire(import.meta.url)('miniflare');

/** `db_attempts` includes the Worker's retries of calls to D1, and `db_calls` does not. */
type LogLine = {
  readonly status: number;
  readonly db_calls?: number;
  readonly db_attempts?: number;
};

export type Server = {
  readonly url: URL;
  readonly readFaults: () => Promise<Faults>;
  /** Counts the requests in which a retry of the Worker hid a fault of D1. */
  readonly countAbsorbed: () => number;
  /** Counts the rows of the accounts in all tables of D1 except `account_object`. */
  readonly countInD1: (accounts: readonly string[]) => Promise<number>;
  readonly stop: () => Promise<void>;
};

export type Label = { readonly id: string; readonly min: number; readonly max: number };

type Build = {
  /** The code that calls `build` must delete this folder. */
  readonly folder: string;
  readonly config: unknown;
};

/** Bundles the Worker whose entry module is the file `entry`. */
export function build(
  folder: string,
  entry: string,
  settings: Readonly<Record<string, string>>,
): Build {
  // These variables make wrangler write only into `folder`, and send no metrics.
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
        ACCOUNT_OBJECT: { type: 'durable-object', worker: 'soak', exportName: 'AccountObject' },
        ...Object.fromEntries(
          Object.entries(settings).map(([setting, value]) => [setting, { type: 'text', value }]),
        ),
      },
      exports: { AccountObject: { type: 'durable-object', storage: 'sqlite' } },
    },
  };
}

/** Returns the folder with the database files: `d1` for D1, and `do` for account objects. */
export const getStorePath = (folder: string) => join(folder, 'store');

/**
 * Starts workerd with the databases in `folder`. Given a label, also creates the tables and stores
 * the label.
 */
export async function startServer({ folder, config }: Build, label?: Label): Promise<Server> {
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
    resourcePersistencePath: getStorePath(folder),
    handleStructuredLogs: ({ message }: { readonly message: string }) => read(message),
    workers: [{ config }],
  });
  const stop = async () => miniflare.dispose();
  try {
    const url: URL = await miniflare.ready;
    const db: Database = await miniflare.getD1Database('DB');
    if (label) await prepare(db, label);
    const readFaults = async (): Promise<Faults> =>
      (await fetch(new URL('/soak/faults', url))).json() as Promise<Faults>;
    return {
      url,
      readFaults,
      countAbsorbed: () => absorbed,
      countInD1: (accounts) => countRows(db, accounts),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The part of `D1Database` that this file uses. In Node, the type itself is not available. */
type Database = {
  prepare: (sql: string) => {
    bind: (...values: unknown[]) => {
      run: () => Promise<unknown>;
      all: () => Promise<{ results: { name: string; rows: number }[] }>;
    };
  };
};

const TABLES_OF_ACCOUNTS = `SELECT t.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
  WHERE t.type = 'table' AND t.name NOT GLOB '_cf*' AND c.name = 'account_id' AND t.name <> 'account_object'`;

async function countRows(db: Database, accounts: readonly string[]): Promise<number> {
  const tables = (await db.prepare(TABLES_OF_ACCOUNTS).bind().all()).results;
  let count = 0;
  for (const { name } of tables) {
    const sql = `SELECT count(*) AS rows FROM ${name} WHERE account_id IN (SELECT value FROM json_each(?))`;
    const { results } = await db.prepare(sql).bind(JSON.stringify(accounts)).all();
    count += results[0]?.rows ?? 0;
  }
  return count;
}

async function prepare(db: Database, { id, min, max }: Label): Promise<void> {
  for (const statement of listMigrationStatements()) await db.prepare(statement).bind().run();
  const insert =
    "INSERT INTO evaluation_label (id, account_id, name, value_type, min_value, max_value) VALUES (?, 'shared', 'soak', 'continuous', ?, ?)";
  await db.prepare(insert).bind(id, min, max).run();
}
