/**
 * Writes Scalar's script, which draws the API reference, into the folder of static assets. wrangler
 * runs this program before it bundles the Worker (wrangler.toml).
 * The script has 5 MB, so it comes from npm and is not in git. Two npm packages contain the script.
 * This program reads it from Scalar's plugin for fastify, which installs 15 packages (24 MB).
 * @scalar/api-reference would install 284 packages (311 MB).
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import plugin from '@scalar/fastify-api-reference';
import { program } from './program.ts';

const TARGET = 'src/reference/assets/scalar.js';

const HELP = `Writes Scalar's script into ${TARGET}. wrangler runs this program before each build.

  --help   this text`;

type Route = { readonly url: string; readonly handler: (request: unknown, reply: Reply) => string };
type Reply = { readonly header: () => Reply; readonly send: (body: string) => string };

/** Returns the script, which the plugin serves as one of its routes. */
function readScript(): string {
  const reply: Reply = { header: () => reply, send: (body) => body };
  let script: string | undefined;
  const route = ({ url, handler }: Route) => {
    if (url.endsWith('.js')) script = handler(undefined, reply);
  };
  // The plugin expects a fastify instance, but only calls `route` on it.
  Reflect.apply(plugin, undefined, [{ route }, { configuration: { url: '/' } }, () => undefined]);
  if (!script) throw new Error('@scalar/fastify-api-reference serves no script any more.');
  // The Worker does not serve the source map, so browsers must not request it.
  return script.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
}

async function run(): Promise<void> {
  const script = readScript();
  if ((await readFile(TARGET, 'utf8').catch(() => undefined)) === script) return;
  // Several processes may write the file at the same time. Renaming a complete file ensures that no
  // process reads an incomplete one.
  const temporary = `src/reference/scalar.js.${process.pid}`;
  await writeFile(temporary, script);
  await rename(temporary, TARGET);
}

await program(HELP, {}, run);
