/**
 * Makes a test run fail if all tests have passed, but workerd has printed something unexpected. If
 * each run printed warnings, nobody would notice a new one. Vitest loads this file in its main
 * process, where the Workers plugin prints the output of workerd. The Worker's console output does
 * not come here (see console.ts).
 */
import { stripVTControlCharacters } from 'node:util';

/** Messages that a test causes on purpose, or that depend on a developer's files. */
const EXPECTED = [
  // workerd prints this message if the file .dev.vars exists. `npm start` creates the file. The
  // tests ignore its settings (test/vitest.config.ts).
  /^\s*Using secrets defined in \.dev\.vars\s*$/,
  // Some tests set a header with an idempotency key, or the header cf-ray, to a text with a
  // non-ASCII character. The Worker refuses the idempotency key, and escapes the cf-ray for its
  // log. workerd prints the warning only because a test sets the header. If the header arrives over
  // a network, workerd prints nothing.
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
