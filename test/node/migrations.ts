/**
 * Reads the migrations, and finds their dangerous statements. drizzle-kit likes to rebuild a table:
 * a new table, a copy, a rename. A rebuild silently drops triggers and fires ON DELETE CASCADE. A
 * drop loses data, and breaks the version that still runs.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Lists all statements of drizzle/, in their order. */
export const listMigrationStatements = (): string[] =>
  readdirSync('drizzle')
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .flatMap((name) => readFileSync(`drizzle/${name}`, 'utf8').split('--> statement-breakpoint'));

/**
 * The comment that must precede such a statement. A person writes it after reading the statement,
 * with the reason why no data is lost.
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

/** Returns the dangerous statements that nobody has read. */
export function listUnreadStatements(migration: string): string[] {
  return migration
    .split(/--> statement-breakpoint|;/)
    .map((statement) => statement.trim())
    .filter((statement) => !statement.split('\n').some((line) => READ.test(line)))
    .filter((statement) => DANGEROUS.some((pattern) => pattern.test(removeComments(statement))));
}

const removeComments = (statement: string) =>
  statement.replaceAll(/--.*$/gm, '').replaceAll(/\/\*.*?\*\//gs, ' ');
