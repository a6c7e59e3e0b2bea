/** Reads the options of a program, prints its help, and reports its errors. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export const FLAG = { type: 'boolean', default: false } as const;

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options }>
>['values'];

/**
 * Runs a program with its options, or prints the help. If the program throws, prints the message
 * and sets the exit code to 1.
 */
export async function program<const Options extends ParseArgsOptionsConfig>(
  help: string,
  options: Options,
  run: (values: Values<Options>) => Promise<void> | void,
): Promise<void> {
  try {
    const all: ParseArgsOptionsConfig = { ...options, help: FLAG };
    const { values } = parseArgs({ options: all });
    if (values['help']) console.log(help);
    else await run(values as Values<Options>);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    process.exitCode = 1;
  }
}
