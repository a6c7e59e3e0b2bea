/** Applies the migrations before each file. */
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    migrations: D1Migration[];
    /** The seed of the property tests, and by what the number of their inputs is multiplied. */
    properties: { readonly seed: number; readonly factor: number };
    /** The sample data, as SQL. */
    sample: string;
    /** The page with the table of identity providers. */
    authPage: string;
  }
}

await applyD1Migrations(env.DB, inject('migrations'));
