/**
 * Makes a test run fail if all tests have passed, but workerd has printed something unexpected. If
 * each run printed warnings, nobody would notice a new one. Vitest loads this file in its main
 * process, where the Workers plugin prints the output of workerd. The Worker's console output does
 * not come here (see console.ts).
 */
import { stripVTControlCharacters } from 'node:util';

/** Messages that a test causes on purpose, or that depend on a developer's files. */
const EXPECTED = [
  // `npm start` creates .dev.vars. The tests ignore its settings (test/vitest.config.ts).
  /^\s*Using secrets defined in \.dev\.vars\s*$/,
  // Some tests set these headers to a text with a non-ASCII character. The Worker refuses such an
  // idempotency key, and logs such a cf-ray with ASCII characters only. workerd prints the warning
  // only if a test sets the header, not if the header arrives over a network.
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
