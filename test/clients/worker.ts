/** Runs the built Worker over HTTP, with the sample data in a real local D1. */
import { readFileSync } from 'node:fs';
import { createTestHarness } from 'wrangler';
import { mintToken, SAMPLE } from '../../src/cli/mint.ts';
import { readSettings } from '../../src/settings.ts';
import { listMigrationStatements } from '../node/migrations.ts';

const JWT_SECRET = 'a-secret-of-the-suite-of-clients-and-nothing-else';

type Bindings = { readonly DB: { prepare: (sql: string) => { run: () => Promise<unknown> } } };

export async function startWorker() {
  const server = createTestHarness({
    workers: [{ configPath: 'wrangler.toml', secrets: { JWT_SECRET } }],
  });
  const { url } = await server.listen();
  const { DB } = await server.getWorker<Bindings>().getEnv();
  const sample = readFileSync('src/cli/sample.sql', 'utf8').split(/;\n/).filter(Boolean);
  for (const statement of [...listMigrationStatements(), ...sample])
    await DB.prepare(statement).run();
  const { account, subject } = SAMPLE;
  const token = await mintToken(readSettings({ JWT_SECRET }), { account, subject, expires: '1h' });
  return { url, token, close: () => server.close() };
}
