/**
 * The migrations as they are, and what makes one dangerous. A rebuild (a new table, a copy, a
 * rename), which drizzle-kit likes to write, drops triggers silently and fires ON DELETE CASCADE; a
 * drop loses data, and breaks the version that still runs.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** All statements of drizzle/, in their order. */
export const migrationStatements = (): string[] =>
  readdirSync('drizzle')
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .flatMap((name) => readFileSync(`drizzle/${name}`, 'utf8').split('--> statement-breakpoint'));

/**
 * What has to stand before such a statement, with the reason why it loses nothing: somebody has
 * read it.
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

/** The statements that nobody has read. */
export function unreadStatements(migration: string): string[] {
  return migration
    .split(/--> statement-breakpoint|;/)
    .map((statement) => statement.trim())
    .filter((statement) => !statement.split('\n').some((line) => READ.test(line)))
    .filter((statement) => DANGEROUS.some((pattern) => pattern.test(withoutComments(statement))));
}

const withoutComments = (statement: string) =>
  statement.replaceAll(/--.*$/gm, '').replaceAll(/\/\*.*?\*\//gs, ' ');
