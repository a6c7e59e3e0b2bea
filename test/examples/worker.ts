/** Runs the built Worker over HTTP, with a real local D1. */
import { createTestHarness } from 'wrangler';
import { mintToken } from '../../src/cli/mint.ts';
import { readSettings } from '../../src/settings.ts';
import { listMigrationStatements } from '../node/migrations.ts';

const JWT_SECRET = 'a-secret-of-the-examples-to-copy-and-nothing-else';
const LINK_SECRET = 'a-secret-for-the-links-of-the-examples-to-copy';

type Bindings = { readonly DB: { prepare: (sql: string) => { run: () => Promise<unknown> } } };

export async function startWorker() {
  const server = createTestHarness({
    workers: [{ configPath: 'wrangler.toml', secrets: { JWT_SECRET, LINK_SECRET } }],
  });
  const { url } = await server.listen();
  const { DB } = await server.getWorker<Bindings>().getEnv();
  for (const statement of listMigrationStatements()) await DB.prepare(statement).run();
  const settings = readSettings({ JWT_SECRET });
  return {
    url,
    mintTokenFor: (subject: string) =>
      mintToken(settings, { account: 'acc_example', subject, expires: '5m' }),
    close: () => server.close(),
  };
}
