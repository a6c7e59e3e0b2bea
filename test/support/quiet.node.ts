/**
 * Makes a passing run fail if the runtime printed something: a warning that comes with each run
 * hides an important one. Vitest loads this file in its main process, where its plugin passes on
 * what workerd writes. What the Worker writes to the console goes another way (console.ts).
 */
import { stripVTControlCharacters } from 'node:util';

/** Messages that a test causes on purpose, or that tell how a developer's copy is set up. */
const EXPECTED = [
  // `npm start` has made the file. Its settings do not count here (test/vitest.config.ts).
  /^\s*Using secrets defined in \.dev\.vars\s*$/,
  // The Worker refuses a key that is not ASCII, and logs a cf-ray as ASCII. workerd warns of such a
  // header only if a test sets it, not if the header comes over a wire.
  /^A header value for "(?:idempotency-key|webhook-id|svix-id)" contains non-ASCII characters: "ké"/,
  /^A header value for "cf-ray" contains non-ASCII characters: "é/,
];

const isFromRuntime = () => /vitest-plugin|miniflare/.test(new Error().stack ?? '');

/** Vitest calls this function once, before the first test. */
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
