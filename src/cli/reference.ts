/**
 * Writes Scalar's script, which shows the API reference, into the folder of static assets. The
 * script comes from the fastify plugin, because @scalar/api-reference would install 311 MB.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import plugin from '@scalar/fastify-api-reference';
import { program } from './program.ts';

const TARGET = 'src/reference/assets/scalar.js';

const HELP = `Writes Scalar's script into ${TARGET}. wrangler runs this program before each build.

  --help   this text`;

type Route = { readonly url: string; readonly handler: (request: unknown, reply: Reply) => string };
type Reply = { readonly header: () => Reply; readonly send: (body: string) => string };

function readScript(): string {
  const reply: Reply = { header: () => reply, send: (body) => body };
  let script: string | undefined;
  const route = ({ url, handler }: Route) => {
    if (url.endsWith('.js')) script = handler(undefined, reply);
  };
  // The plugin calls only the method `route` of the fastify server.
  Reflect.apply(plugin, undefined, [{ route }, { configuration: { url: '/' } }, () => undefined]);
  if (!script) throw new Error('@scalar/fastify-api-reference serves no script any more.');
  // The Worker does not serve the source map that the last line names.
  return script.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
}

async function run(): Promise<void> {
  const script = readScript();
  if ((await readFile(TARGET, 'utf8').catch(() => undefined)) === script) return;
  // Other processes may read or write the file at the same time, and must never read half a file.
  const temporary = `src/reference/scalar.js.${process.pid}`;
  await writeFile(temporary, script);
  await rename(temporary, TARGET);
}

await program(HELP, {}, run);
