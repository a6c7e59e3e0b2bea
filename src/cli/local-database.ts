/**
 * Applies the migrations and the sample data to the local D1. This file imports wrangler as a
 * library, because a wrangler process takes seconds to start. `updateLocalDatabase` also writes a
 * digest of the applied files beside the database. If the files still have this digest, `npm start`
 * does not even import wrangler.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { OFFLINE } from './offline.ts';

/** The folder in which `wrangler dev` keeps the local state. */
const STATE = '.wrangler/state/v3';
/**
 * The file with the digest of the migrations and the sample data that the local D1 has. The file is
 * in the folder STATE, so a user who deletes the folder deletes the local D1 and the digest.
 */
const APPLIED = `${STATE}/applied`;
/**
 * The file with a configuration for wrangler that contains only the database. With wrangler.toml,
 * wrangler would also create every other binding.
 */
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
 * Applies the missing migrations, and inserts the missing sample data. Each migration is one
 * transaction. The transaction also inserts the migration's row into `d1_migrations`, the table in
 * which wrangler keeps the names of the applied migrations.
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
  // The statement creates the table exactly as `wrangler d1 migrations apply` does. So the wrangler
  // command skips the migrations that this program has applied, and this program skips the
  // migrations that the command has applied.
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

/** Runs the statements of a file, and then the statements in `more`, in one transaction. */
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
