/**
 * Applies the migrations and the sample data to the local D1. Imports wrangler as a library, and
 * only if a file changed, because a wrangler process takes seconds to start.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { OFFLINE } from './offline.ts';

const STATE = '.wrangler/state/v3';
/**
 * The digest of the applied files. This file is in the same folder as the local D1, so both are
 * deleted together.
 */
const APPLIED = `${STATE}/applied`;
/**
 * A configuration with the database alone. With wrangler.toml, wrangler would create every binding.
 */
const CONFIG = '.wrangler/local-database.json';
const SAMPLE = 'src/cli/sample.sql';

const listMigrationFiles = () => globSync('drizzle/*.sql').sort();

function digestFiles(): string {
  const hash = createHash('sha256');
  for (const file of [...listMigrationFiles(), SAMPLE]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

export const isUpToDate = (): boolean =>
  existsSync(APPLIED) && readFileSync(APPLIED, 'utf8') === digestFiles();

/**
 * Applies the missing migrations, each in one transaction with its row in `d1_migrations`, and then
 * the sample data.
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
  // Keep this table as `wrangler d1 migrations apply` creates it, so each skips what the other has
  // applied.
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
