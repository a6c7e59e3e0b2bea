/**
 * Applies the migrations before each file, and has a test print what it wrote to the console only
 * if it fails.
 */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { printIfFailed } from './console.ts';

declare module 'vitest' {
  interface ProvidedContext {
    migrations: D1Migration[];
    /** The seed of the property tests, and by what the number of their inputs is multiplied. */
    properties: { readonly seed: number; readonly factor: number };
    /** Where the accounts of the tests live. */
    store: 'd1' | 'object';
    /** The sample data, as SQL. */
    sample: string;
    /** The page with the table of identity providers. */
    authPage: string;
  }
}

printIfFailed();
await applyD1Migrations(env.DB, inject('migrations'));
