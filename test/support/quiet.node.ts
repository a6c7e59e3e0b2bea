/**
 * Makes a test run fail if workerd printed something unexpected. console.ts handles the Worker's
 * log.
 */
import { stripVTControlCharacters } from 'node:util';

/** Messages that a test causes on purpose, or that depend on a developer's files. */
const EXPECTED = [
  // workerd prints this message if `npm start` has created the file .dev.vars.
  /^\s*Using secrets defined in \.dev\.vars\s*$/,
  // workerd prints these warnings if a test sets a header, but not for a header from the network.
  /^A header value for "(?:idempotency-key|webhook-id|svix-id)" contains non-ASCII characters: "ké"/,
  /^A header value for "cf-ray" contains non-ASCII characters: "é/,
];

const isFromRuntime = () => /vitest-plugin|miniflare/.test(new Error().stack ?? '');

export function setup(): void {
  const printed: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = new Proxy(stream.write, {
      apply: (write, _, args) => {
        if (isFromRuntime()) {
          const text = stripVTControlCharacters(String(args[0]));
          if (EXPECTED.some((message) => message.test(text))) return true;
          printed.push(text);
        }
        return Reflect.apply(write, stream, args);
      },
    });
  }
  process.on('exit', (code) => {
    if (code !== 0 || printed.length === 0) return;
    process.exitCode = 1;
    console.error(
      `All tests passed, but the runtime printed this. Change the test that causes it:\n${printed.join('')}`,
    );
  });
}
