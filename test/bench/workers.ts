/** Bundles the Workers that the bench compares, as `wrangler deploy` would upload them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OFFLINE } from '../../src/cli/offline.ts';

/** The Workers to compare with run-evaluation (README.md), in the order of the columns. */
export const PEERS = ['lean', 'engineer', 'tutorial'] as const;
export const WORKERS = [...PEERS, 'run-evaluation'] as const;
export type Name = (typeof WORKERS)[number];

export type Bundle = { readonly folder: string; readonly config: string; readonly gzipKiB: number };

/** COMPATIBILITY_DATE and COMPATIBILITY_FLAGS must equal the settings in wrangler.toml. */
export const COMPATIBILITY_DATE = '2026-11-09';
export const COMPATIBILITY_FLAGS = ['enable_request_signal'];

function createConfig(name: Name, folder: string): string {
  if (name === 'run-evaluation') return 'wrangler.toml';
  const config = join(folder, 'wrangler.json');
  const main = join(process.cwd(), `test/bench/peers/${name}.ts`);
  const build = {
    compatibility_date: COMPATIBILITY_DATE,
    minify: true,
    keep_names: false,
    send_metrics: false,
  };
  writeFileSync(config, JSON.stringify({ name, main, ...build }));
  return config;
}

export function bundle(name: Name, root: string): Bundle {
  const folder = join(root, name);
  mkdirSync(folder);
  const config = createConfig(name, folder);
  const args = ['deploy', '--config', config, '--env=', '--dry-run', '--outdir', folder];
  const output = execFileSync('wrangler', args, { encoding: 'utf8', env: OFFLINE });
  const gzip = /gzip: ([\d.]+) KiB/.exec(output)?.[1];
  if (gzip === undefined) throw new Error(`wrangler told no size:\n${output}`);
  if (name !== 'run-evaluation') renameSync(join(folder, `${name}.js`), join(folder, 'index.js'));
  return { folder, config, gzipKiB: Number(gzip) };
}
