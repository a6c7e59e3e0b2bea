/** Formats the reports of the crash test and of the mixed load, and the verdict on both. */
import type { Tally } from './audit.ts';
import type { Crashes } from './crash.ts';
import type { Faults } from './faults.ts';
import type { Findings } from './findings.ts';
import type { BadInputs } from './load.ts';
import type { Growth } from './memory.ts';
import type { Objects } from './objects.ts';
import { ACCOUNTS } from './tokens.ts';

type Results = {
  readonly seconds: number;
  readonly connections: number;
  readonly seed: number;
  readonly findings: Findings;
  readonly faults: Faults;
  readonly objects: Objects;
  readonly absorbed: number;
  readonly bad: BadInputs;
  readonly tally: Tally;
  readonly growth: Growth | undefined;
  readonly growthMaxMiB: number;
};

const SHOWN_MAX = 10;

const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);
const list = (counts: Iterable<readonly [string | number, number]>) =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(', ');

export function writeReport(results: Results): string {
  const { seconds, connections, seed, findings, faults, objects, absorbed, bad, tally } = results;
  const { requests, statuses, repeated } = findings;
  const audited = requests.get('audit') ?? 0;
  const requestCount = sum(requests.values()) - audited;
  const share = ((100 * (requests.get('bad input') ?? 0)) / requestCount).toFixed(1);
  const injected = faults.fails + faults['is lost'] + faults['meets overload'] + faults.hangs;
  return `
load held      ${requestCount} requests in ${seconds} s over ${connections} connections, ${Math.round(requestCount / seconds)} a second (seed ${seed})
  requests     ${list([...requests].sort(([, a], [, b]) => b - a))}
  answers      ${list([...statuses].sort(([a], [b]) => a - b))}
objects        ${objects.accounts().length} of ${ACCOUNTS.length} accounts live in objects at the end
faults         ${injected} injected into ${faults.calls} D1 calls: ${faults.fails} before the call, ${faults['is lost']} after the commit, ${faults['meets overload']} overloads, ${faults.hangs} hung
  survived     ${absorbed} requests answered by the Worker's own retries, ${repeated.succeeded} by the caller's after 503
  not survived ${repeated['gave up']} requests given up after 503 (${repeated.refused} refused on repetition)
bad inputs     ${bad.sent} sent (${share} % of the requests), ${bad.refused} refused as they must be, ${bad.unanswered} given up after 503
updates        ${tally.acknowledged} acknowledged in ${tally.evaluations} evaluations: ${tally['in rows']} in rows, ${tally['in history']} in history
  deleted      ${tally.deleted} evaluations, each still 404 without a history; ${tally.recreated} more deleted and created again
  in doubt     ${tally.uncertain} answered 503 and never acknowledged, of which ${tally['uncertain, stored']} were stored
  shown        ${tally['versions shown']} versions in answers, each of them in a row or in history
memory         ${writeMemory(results)}
${writeVerdict(findings)}`;
}

export function writeCrashReport({
  kills,
  midway,
  cutOff,
  stored,
  requests,
  last,
}: Crashes): string {
  const { tally, links, labels } = last;
  return `
kills          ${kills} of workerd (SIGKILL) while callers wrote, ${midway} of them while an account was brought over; ${cutOff} writes cut off, and sent again after the audit
  requests     ${list([...requests].sort(([, a], [, b]) => b - a))}
  in doubt     ${stored} of them are updates that were stored and not yet answered
  updates      ${tally.acknowledged} acknowledged in ${tally.evaluations} evaluations: ${tally['in rows']} in rows, ${tally['in history']} in history
  deleted      ${tally.deleted} evaluations, each still 404 without a history; ${tally.recreated} more deleted and created again
  links        ${links.stored} events stored, ${links.ignored} ignored by \`where\`, ${links.revoked} links still revoked
  others       ${labels} labels as their last change left them`;
}

function writeMemory({ growth, growthMaxMiB }: Results): string {
  if (!growth) return 'not judged: too short a time, or too few requests, after the warm-up';
  const [baseline, end] = [Math.round(growth.baseline), Math.round(growth.end)];
  return `workerd ${baseline} MiB after the warm-up, ${end} MiB at the end: ${end - baseline} MiB more (bound ${growthMaxMiB} MiB)`;
}

export function writeVerdict({ violations }: Findings): string {
  if (violations.size === 0)
    return 'passed         nothing acknowledged is lost, nothing is invented, every answer is in the document';
  const rules = [...violations].map(([rule, sentences]) => {
    const more =
      sentences.length > SHOWN_MAX ? `\n  … and ${sentences.length - SHOWN_MAX} more` : '';
    return `${rule}: ${sentences.length}\n${sentences
      .slice(0, SHOWN_MAX)
      .map((sentence) => `  ${sentence}`)
      .join('\n')}${more}`;
  });
  return `FAILED\n${rules.join('\n')}`;
}
