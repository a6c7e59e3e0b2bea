/** What a program that moves rows says meanwhile: a bar in a terminal, and a line for each step anywhere else. */
import type { Progress } from './move.ts';

const WIDTH = 30;

export function createProgress(): Progress & { about: (what: string) => void; say: (line: string) => void } {
  const { stderr } = process;
  let [step, total, done] = ['', 0, 0];
  const draw = () => {
    if (!stderr.isTTY || total === 0) return;
    const filled = Math.round((Math.min(done, total) / total) * WIDTH);
    const bar = '#'.repeat(filled) + '.'.repeat(WIDTH - filled);
    stderr.write(`\r  ${step.padEnd(8)} [${bar}] ${done} of ${total} rows`);
    if (done >= total) stderr.write('\n');
  };
  return {
    about: (what) => stderr.write(`${what}\n`),
    say: (line) => stderr.write(`  ${line}\n`),
    step: (name, rows) => {
      [step, total, done] = [name, rows, 0];
      if (!stderr.isTTY || rows === 0) stderr.write(`  ${name}${rows === 0 ? '' : ` ${rows} rows`}\n`);
      else draw();
    },
    done: (rows) => {
      done += rows;
      draw();
    },
  };
}
