/**
 * Brings the local D1 up to date: migrations and sample data, in this process, because each process
 * of wrangler takes seconds to start. What was applied is noted beside the database, so a restart
 * with the same files loads nothing of wrangler.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { OFFLINE } from './offline.ts';

/** The folder in which `wrangler dev` keeps the local state. */
const STATE = '.wrangler/state/v3';
/** The digest of the files that were applied. It goes when somebody deletes the state. */
const APPLIED = `${STATE}/applied`;
/** Names the database as wrangler.toml does. Without the rest of it no other binding is made. */
const CONFIG = '.wrangler/local-database.json';
const SAMPLE = 'src/cli/sample.sql';

const listMigrationFiles = () => globSync('drizzle/*.sql').sort();

function digestFiles(): string {
  const hash = createHash('sha256');
  for (const file of [...listMigrationFiles(), SAMPLE]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/** Returns true if the local D1 has every migration and the sample data. */
export const isUpToDate = (): boolean =>
  existsSync(APPLIED) && readFileSync(APPLIED, 'utf8') === digestFiles();

/**
 * Applies the missing migrations, and adds the sample data that is missing. Each migration is one
 * transaction, and is noted as wrangler notes it.
 */
export async function updateLocalDatabase(): Promise<void> {
  mkdirSync(STATE, { recursive: true });
  const d1_databases = [{ binding: 'DB', database_name: 'run-evaluation' }];
  writeFileSync(CONFIG, JSON.stringify({ name: 'run-evaluation', d1_databases }));
  Object.assign(process.env, OFFLINE);
  const { getPlatformProxy } = await import('wrangler');
  const { env, dispose } = await getPlatformProxy<{ DB: D1Database }>({
    configPath: CONFIG,
    persist: { path: STATE },
  });
  try {
    await migrate(env.DB);
    await runFile(env.DB, SAMPLE, /;\n/);
  } finally {
    await dispose();
  }
  writeFileSync(APPLIED, digestFiles());
}

async function migrate(db: D1Database): Promise<void> {
  // As wrangler makes it (`wrangler d1 migrations apply`).
  await db
    .prepare(
      'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
    )
    .run();
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  for (const file of listMigrationFiles()) {
    const name = file.replace(/^.*[\\/]/, '');
    if (applied.has(name)) continue;
    const note = db.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await runFile(db, file, /--> statement-breakpoint/, note);
  }
}

/** Runs the statements of a file in one transaction. */
async function runFile(
  db: D1Database,
  file: string,
  separator: RegExp,
  ...more: readonly D1PreparedStatement[]
): Promise<void> {
  const statements = readFileSync(file, 'utf8').split(separator);
  const filled = statements.filter((sql) => sql.trim() !== '');
  await db.batch([...filled.map((sql) => db.prepare(sql)), ...more]);
}
