/**
 * The D1 databases that wrangler.toml binds, and the way to them: the local ones, or the real ones through wrangler's remote
 * bindings. The second was never tried: that needs an account of Cloudflare.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { getPlatformProxy, unstable_readConfig } from 'wrangler';
import { type Assignment, boundDatabases, isOurs, parseDatabases } from '../db/databases.ts';
import { Failure } from '../failure.ts';
import type { Row, Statement, Store } from './move-tables.ts';
import { FLAG } from './program.ts';

const CONFIGURATION = 'wrangler.toml';
const VARS = '.dev.vars';

export type Place = {
  /** The real databases, and not the local ones. */
  readonly remote: boolean;
  /** Of wrangler.toml; empty for production. */
  readonly env: string;
};

/** Options of each program that works on databases. */
export const PLACE_OPTIONS = {
  remote: FLAG,
  env: { type: 'string', default: '' },
} as const;

type Config = {
  readonly compatibility_date: string;
  readonly d1_databases: readonly { readonly binding: string; readonly database_name?: string }[];
  readonly vars: { readonly [name: string]: unknown };
};

const readConfig = ({ env }: Place): Config => unstable_readConfig({ config: CONFIGURATION, ...(env ? { env } : {}) });

/** The names of the bindings that the Worker takes for its databases. */
export const boundNames = (place: Place): string[] =>
  readConfig(place)
    .d1_databases.map(({ binding }) => binding)
    .filter(isOurs);

/**
 * DATABASES as it will be deployed, or locally as the local Worker reads it.
 * @throws {Error} saying what is wrong with it.
 */
export function readAssignment(place: Place): Assignment {
  const { vars } = readConfig(place);
  const local = place.remote ? {} : parseEnv(existsSync(VARS) ? readFileSync(VARS, 'utf8') : '');
  try {
    return parseDatabases(local['DATABASES'] ?? String(vars['DATABASES'] ?? ''), boundNames(place));
  } catch (thrown) {
    throw thrown instanceof Failure ? new Error(`The setting ${thrown.log.cause}.`) : thrown;
  }
}

export type Databases = { readonly stores: readonly Store[]; readonly close: () => Promise<void> };

/** Whoever opens them closes them: they keep a process running. */
export async function openDatabases(place: Place): Promise<Databases> {
  const folder = mkdtempSync(join(tmpdir(), 'run-evaluation-d1-'));
  const configPath = join(folder, 'wrangler.json');
  const { compatibility_date, d1_databases } = readConfig(place);
  const ids = place.remote ? remoteIds() : new Map<string, string>();
  const databases = d1_databases.map(({ binding, database_name = '' }) => {
    const id = ids.get(database_name);
    if (place.remote && id === undefined) throw new Error(`There is no D1 database ${database_name}: deploy first.`);
    // Locally a database without an id is kept under the name of its binding, as wrangler does with wrangler.toml.
    return { binding, database_name, ...(place.remote ? { database_id: id, remote: true } : {}) };
  });
  writeFileSync(configPath, JSON.stringify({ name: 'databases', compatibility_date, d1_databases: databases }));
  const proxy = await getPlatformProxy({
    configPath,
    persist: { path: join(process.cwd(), '.wrangler/state/v3') },
    remoteBindings: place.remote,
    envFiles: [],
  });
  const stores = boundDatabases(proxy.env).map(({ name, db }): Store => ({ name, batch: (sent) => run(db, sent) }));
  const close = async () => {
    await proxy.dispose();
    rmSync(folder, { recursive: true, force: true });
  };
  if (!place.remote) {
    await untilUnlocked(stores).catch(async (thrown: unknown) => {
      await close();
      throw thrown;
    });
  }
  return { stores, close };
}

const LOCK_MAX_MS = 15_000;
const LOCK_PAUSE_MS = 300;

/** A program that was killed leaves a workerd behind, which keeps the files locked for a moment; `npm start` keeps them so. */
async function untilUnlocked(stores: readonly Store[]): Promise<void> {
  const deadline = Date.now() + LOCK_MAX_MS;
  for (const store of stores) {
    while (!(await isFree(store))) {
      if (Date.now() > deadline) throw new Error('The local databases are in use: stop `npm start`, and repeat.');
      await pause(LOCK_PAUSE_MS);
    }
  }
}

const isFree = ({ batch }: Store): Promise<boolean> =>
  batch([{ sql: 'SELECT 1 FROM sqlite_schema', params: [] }]).then(
    () => true,
    () => false,
  );

async function run(db: D1Database, statements: readonly Statement[]): Promise<Row[][]> {
  const prepared = statements.map(({ sql, params }) => db.prepare(sql).bind(...params));
  return (await db.batch<Row>(prepared)).map(({ results }) => results);
}

/** By name: wrangler.toml has no ids. */
function remoteIds(): Map<string, string> {
  const listed: { name: string; uuid: string }[] = JSON.parse(
    execFileSync('wrangler', ['d1', 'list', '--json'], { encoding: 'utf8', stdio: ['inherit', 'pipe', 'inherit'] }),
  );
  return new Map(listed.map(({ name, uuid }) => [name, uuid]));
}

export function storeOf({ stores }: Databases, name: string): Store {
  const store = stores.find((one) => one.name === name);
  if (!store)
    throw new Error(
      `${name} is not a D1 binding of wrangler.toml: it has ${stores.map((one) => one.name).join(', ')}.`,
    );
  return store;
}
