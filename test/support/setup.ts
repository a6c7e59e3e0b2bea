/**
 * Applies the migrations before each test file, and prints the console output of failed tests only.
 */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';
import { printIfFailed } from './console.ts';

declare module 'vitest' {
  interface ProvidedContext {
    migrations: D1Migration[];
    /** Each property test tries `factor` times its usual number of inputs. */
    properties: { readonly seed: number; readonly factor: number };
    /** The kind of database. `npm run check:objects` uses `object`, a Durable Object. */
    store: 'd1' | 'object';
    /** The sample data that `npm start` stores, as SQL. */
    sample: string;
    /** The text of src/auth/README.md, which has the table of identity providers. */
    authPage: string;
  }
}

printIfFailed();
await applyD1Migrations(env.DB, inject('migrations'));
