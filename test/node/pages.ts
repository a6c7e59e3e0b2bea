/** Reads the pages (`*.md`) and finds the commands in them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const FILES = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard'],
  {
    encoding: 'utf8',
  },
)
  .trim()
  .split('\n');
export const PAGES = FILES.filter((file) => file.endsWith('.md'));

export const read = (file: string) => readFileSync(file, 'utf8');

export const removeCodeBlocks = (page: string) => page.replaceAll(/^```.*?^```$/gms, '');

export const listShellBlocks = (page: string) =>
  [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);

/** Returns the commands that a reader of the README pastes while `npm start` runs. */
export const readExample = (readme: string) =>
  listShellBlocks(
    readme.slice(readme.indexOf('## Use'), readme.indexOf('## What a 200 means')),
  ).join('\n');

export const readSection = (page: string, heading: string) =>
  read(page)
    .split(/^(?=##+ )/m)
    .find((section) => section.split('\n', 1)[0]?.replace(/^#+ /, '') === heading) ?? '';

const PROGRAM =
  /^(?:[A-Z]+=\S+ )*(?:npm|npx|node|curl|wrangler|openssl|apt-get|git|gh|kubectl|aws|rm|logs) \S/;

/** Matches a note that no test can execute a command, such as "needs a Cloudflare account". */
const MARK = /\bneeds? (?:an?|the) (?:\w+ )?(?:account|network)\b/;

export type Command = {
  readonly page: string;
  readonly text: string;
  /** True if the command's section, or the introduction of the page, has a `MARK`. */
  readonly isMarked: boolean;
};

/**
 * Lists the commands of a page: each line of an `sh` block, and other code that begins with a
 * program such as `npm`.
 */
export function listCommandsIn(page: string, text: string): Command[] {
  const [intro = '', ...sections] = text.split(/^(?=##+ )/m);
  return [intro, ...sections].flatMap((section) => {
    const isMarked = MARK.test(intro) || MARK.test(section);
    const pasted = listShellBlocks(section).flatMap((block) => block.split('\n'));
    const blocks = section.match(/^```(?!sh\n).*?^```$/gms) ?? [];
    const inline = [...removeCodeBlocks(section).matchAll(/`([^`\n]+)`/g)];
    const other = [
      ...blocks.flatMap((block) => block.split('\n')),
      ...inline.map(([, code = '']) => code),
    ].filter((code) => PROGRAM.test(code));
    return [...pasted, ...other]
      .flatMap((line) => line.replaceAll('\\|', '|').split(/ && | \| /))
      .map((part) =>
        part
          .replace(/(?:^| +)#.*$/, '')
          .replace(/^npm run -s /, 'npm run ')
          .trim(),
      )
      .filter((part) => part !== '')
      .map((command) => ({ page, text: command, isMarked }));
  });
}

export const listCommands = (page: string) => listCommandsIn(page, read(page));
