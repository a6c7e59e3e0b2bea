/**
 * Reads the migrations and finds their dangerous statements, which can lose data. To change a
 * table, drizzle-kit often rebuilds it: it makes a new table, copies the rows and renames the new
 * table. A rebuild silently drops triggers and fires ON DELETE CASCADE. A statement that drops a
 * table or a column loses data. The statement also breaks the old version of the Worker, which
 * still runs during a deployment.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Lists the SQL statements of all migrations, in order. */
export const listMigrationStatements = (): string[] =>
  readdirSync('drizzle')
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .flatMap((name) => readFileSync(`drizzle/${name}`, 'utf8').split('--> statement-breakpoint'));

/**
 * The comment that must precede a dangerous statement: `-- read: the column was never used`. A
 * person writes the comment after reading the statement, and gives the reason why no data is lost.
 */
const READ = /^-- read: \S/;

const DANGEROUS = [
  /\bDROP\b/i,
  /\bRENAME\b/i,
  /\bREPLACE\s+INTO\b/i,
  /\bCREATE\s+TABLE\s+[`"]?__new_/i,
  /\bDELETE\s+FROM\b/i,
  /\bPRAGMA\s+foreign_keys\b/i,
];

/** Lists the dangerous statements that have no `-- read:` comment. */
export function listUnreadStatements(migration: string): string[] {
  return migration
    .split(/--> statement-breakpoint|;/)
    .map((statement) => statement.trim())
    .filter((statement) => !statement.split('\n').some((line) => READ.test(line)))
    .filter((statement) => DANGEROUS.some((pattern) => pattern.test(removeComments(statement))));
}

const removeComments = (statement: string) =>
  statement.replaceAll(/--.*$/gm, '').replaceAll(/\/\*.*?\*\//gs, ' ');
