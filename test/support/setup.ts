/**
 * Prepares each test file: applies the migrations, and prints the console output of failed tests
 * only.
 */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { printIfFailed } from './console.ts';

declare module 'vitest' {
  interface ProvidedContext {
    migrations: D1Migration[];
    /** The seed of the property tests, and the factor for their number of inputs. */
    properties: { readonly seed: number; readonly factor: number };
    /** The store of all accounts. `npm run check:objects` uses `object`. */
    store: 'd1' | 'object';
    /** The sample data, as SQL. */
    sample: string;
    /** The text of src/auth/README.md, which has the table of identity providers. */
    authPage: string;
  }
}

printIfFailed();
await applyD1Migrations(env.DB, inject('migrations'));
