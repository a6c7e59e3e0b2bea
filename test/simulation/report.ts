/** Describes a fault for the terminal, with its seed and the requests around it. */
import type { Finding } from './check.ts';
import { type Request, START } from './world.ts';

const SHOWN_MAX_REQUESTS = 40;

export function describeFinding(seed: number, { owner, fault }: Finding): string {
  const [kind, sentence, requests] = fault;
  const from = Math.min(...requests.map(({ begin }) => begin));
  const to = Math.max(...requests.map(findLastMoment));
  const around = owner.requests.filter((one) => findLastMoment(one) >= from && one.begin <= to);
  const isAll = around.length <= SHOWN_MAX_REQUESTS;
  const shown = isAll ? around : around.filter((one) => requests.includes(one) || isWrite(one));
  const mark = (request: Request) => (requests.includes(request) ? '*' : ' ');
  return [
    `seed ${seed}: ${kind}: ${sentence}`,
    `${'run' in owner ? `evaluation ${owner.id} of ${owner.account}` : `label ${owner.id} of ${owner.owner}`}; * marks the requests that show the fault`,
    ...shown.slice(-SHOWN_MAX_REQUESTS).map((one) => `${mark(one)} ${describeRequest(one)}`),
    `npm run simulate -- --seed ${seed}`,
  ].join('\n');
}

const isWrite = ({ intent, outcome }: Request) =>
  ['create', 'update', 'delete'].includes(intent.operation) &&
  (outcome === 'ok' || outcome === 'created' || outcome === 'database_unavailable');

const findLastMoment = ({ end, calls }: Request) => Math.max(end, ...calls.arrivals);

const formatSeconds = (time: number) => ((time - START) / 1000).toFixed(3);

function describeRequest(request: Request): string {
  const { number, intent, edge, begin, end, now, calls, outcome, row, error } = request;
  const { operation, author, value, key, versions, link, isOnPage } = intent;
  const version =
    row &&
    `${row.value} by ${row.updated_by ?? row.created_by} at ${row.updated_at ?? row.created_at}`;
  return [
    `#${number} ${formatSeconds(begin)} to ${formatSeconds(end)} s, edge ${edge} at ${now}:`,
    operation,
    `${value} by ${author}`,
    link ? `${isOnPage ? 'on the page of' : 'through'} link ${link.id}` : '',
    key ? `with ${key}` : '',
    versions ? `if ${versions}` : '',
    `-> ${outcome}`,
    version ?? error ?? '',
    `[${calls.fates.join(', ')}]`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}
