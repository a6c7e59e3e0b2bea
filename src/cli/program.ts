/** What the programs do alike: they read their options, print their help, and say what went wrong. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export const FLAG = { type: 'boolean', default: false } as const;

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options }>
>['values'];

/** Exits with 1 if an option is none of these, or if the program throws. */
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
