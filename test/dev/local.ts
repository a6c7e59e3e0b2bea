/** What keeps a program of the project to this machine. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** The environment of wrangler: no metrics, no look-up of where the machine stands, no prompts. */
export const OFFLINE = {
  ...process.env,
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
};

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
