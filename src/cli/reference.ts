/**
 * Writes Scalar's script into the folder of static assets. In a browser, the script shows the API
 * reference. wrangler runs this program before it bundles the Worker (wrangler.toml).
 * The script is not in git because it has 5 MB. This program reads the script from an npm package:
 * Scalar's plugin for the web framework fastify, with which npm installs 15 packages (24 MB). The
 * package @scalar/api-reference contains the script too, but npm would install 284 packages
 * (311 MB) with it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import plugin from '@scalar/fastify-api-reference';
import { program } from './program.ts';

const TARGET = 'src/reference/assets/scalar.js';

const HELP = `Writes Scalar's script into ${TARGET}. wrangler runs this program before each build.

  --help   this text`;

type Route = { readonly url: string; readonly handler: (request: unknown, reply: Reply) => string };
type Reply = { readonly header: () => Reply; readonly send: (body: string) => string };

/** Returns the script. One of the plugin's routes serves it, so this function calls this route. */
function readScript(): string {
  const reply: Reply = { header: () => reply, send: (body) => body };
  let script: string | undefined;
  const route = ({ url, handler }: Route) => {
    if (url.endsWith('.js')) script = handler(undefined, reply);
  };
  // The plugin's first argument should be a fastify server. But the plugin calls only the server's
  // method `route`, so an object with this method is enough.
  Reflect.apply(plugin, undefined, [{ route }, { configuration: { url: '/' } }, () => undefined]);
  if (!script) throw new Error('@scalar/fastify-api-reference serves no script any more.');
  // The script's last line names a source map, which the Worker does not serve. Without this line,
  // browsers do not request the map.
  return script.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
}

async function run(): Promise<void> {
  const script = readScript();
  if ((await readFile(TARGET, 'utf8').catch(() => undefined)) === script) return;
  // Other processes may read or write the file at the same time. Each process writes a file of its
  // own, and then renames this file. So no process ever reads a half-written file.
  const temporary = `src/reference/scalar.js.${process.pid}`;
  await writeFile(temporary, script);
  await rename(temporary, TARGET);
}

await program(HELP, {}, run);
