/** Finds the statements of migrations that can lose data (drizzle/README.md). */
import { readdirSync, readFileSync } from 'node:fs';

export const listMigrationStatements = (): string[] =>
  readdirSync('drizzle')
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .flatMap((name) => readFileSync(`drizzle/${name}`, 'utf8').split('--> statement-breakpoint'));

/**
 * A person writes this comment after reading a statement that can lose data:
 * `-- read: the column was never used`.
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

export function listUnreadStatements(migration: string): string[] {
  return migration
    .split(/--> statement-breakpoint|;/)
    .map((statement) => statement.trim())
    .filter((statement) => !statement.split('\n').some((line) => READ.test(line)))
    .filter((statement) => DANGEROUS.some((pattern) => pattern.test(removeComments(statement))));
}

const removeComments = (statement: string) =>
  statement.replaceAll(/--.*$/gm, '').replaceAll(/\/\*.*?\*\//gs, ' ');
