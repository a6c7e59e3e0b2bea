/** The pages as the tests read them, and the commands that they name. */
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

export const withoutCodeBlocks = (page: string) => page.replaceAll(/^```.*?^```$/gms, '');

/** The blocks of a page that are for a shell, each as it is pasted. */
export const shellBlocksOf = (page: string) =>
  [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);

/** What the README has to paste while `npm start` runs. */
export const exampleOf = (readme: string) =>
  shellBlocksOf(readme.slice(readme.indexOf('## Use'), readme.indexOf('## What a 200 means'))).join(
    '\n',
  );

/** What is under a heading, up to the next one. */
export const sectionOf = (page: string, heading: string) =>
  read(page)
    .split(/^(?=##+ )/m)
    .find((section) => section.split('\n', 1)[0]?.replace(/^#+ /, '') === heading) ?? '';

const PROGRAM =
  /^(?:[A-Z]+=\S+ )*(?:npm|npx|node|curl|wrangler|openssl|apt-get|git|gh|kubectl|rm|logs) \S/;

/** `needs a Cloudflare account`, and the like. */
const NEEDS = /\bneeds? (?:an?|the) (?:\w+ )?(?:account|network)\b/;

export type Command = {
  readonly page: string;
  readonly text: string;
  /**
   * Whether the page says, in the section of the command or before its first section, that it needs
   * an account or the network.
   */
  readonly isMarked: boolean;
};

/**
 * The commands of a page: of each shell block those that begin a line, and each that stands in
 * backquotes.
 */
export function commandsOf(page: string): Command[] {
  const [intro = '', ...sections] = read(page).split(/^(?=##+ )/m);
  return [intro, ...sections].flatMap((section) => {
    const isMarked = NEEDS.test(intro) || NEEDS.test(section);
    const lines = shellBlocksOf(section).flatMap((block) => block.split('\n'));
    const inline = [...withoutCodeBlocks(section).matchAll(/`([^`\n]+)`/g)].map(
      ([, code = '']) => code,
    );
    return [...lines, ...inline]
      .flatMap((line) => line.replaceAll('\\|', '|').split(/ && | \| /))
      .map((part) =>
        part
          .replace(/ +#.*$/, '')
          .replace(/^npm run -s /, 'npm run ')
          .trim(),
      )
      .filter((part) => PROGRAM.test(part))
      .map((text) => ({ page, text, isMarked }));
  });
}
