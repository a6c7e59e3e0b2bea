/**
 * Applies the migrations before each file, and makes a test print its console output only if it
 * fails.
 */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { printIfFailed } from './console.ts';

declare module 'vitest' {
  interface ProvidedContext {
    migrations: D1Migration[];
    /**
     * The seed of the property tests, and the factor that multiplies the number of their inputs.
     */
    properties: { readonly seed: number; readonly factor: number };
    /** The place where the accounts of the tests live. */
    store: 'd1' | 'object';
    /** The sample data, as SQL. */
    sample: string;
    /** The page with the table of identity providers. */
    authPage: string;
  }
}

printIfFailed();
await applyD1Migrations(env.DB, inject('migrations'));
