/**
 * Tests that a stranger cannot make a request expensive with a link's JSONPath or with a posted
 * body.
 */
import { expect, it } from 'vitest';
import { LINK_BODY_MAX_BYTES } from '../src/limits.ts';
import { createLinkTo, post } from './support/links.ts';
import { storeEvaluation, worker } from './support/worker.ts';

const RATIO_MAX = 4;
/** An attempt measures this many pairs of requests. A single pair is too inexact. */
const PAIR_COUNT = 15;
/** A test repeats an attempt that a busy machine may have spoiled. */
const ATTEMPT_MAX_COUNT = 5;

const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

type Sent = { readonly url: string; readonly body: string };

async function measureTime({ url, body }: Sent): Promise<number> {
  const started = performance.now();
  expect((await worker(post(url, body))).status).toBeLessThan(500);
  return performance.now() - started;
}

async function measureRatio(one: Sent, other: Sent): Promise<number> {
  const ratios: number[] = [];
  while (ratios.length < ATTEMPT_MAX_COUNT && !(Math.min(...ratios) <= RATIO_MAX)) {
    const [times, otherTimes]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < PAIR_COUNT; pair += 1) {
      times.push(await measureTime(one));
      otherTimes.push(await measureTime(other));
    }
    // The runtime's clock may tick in whole milliseconds, so a median may be 0.
    ratios.push(median(times) / Math.max(1, median(otherTimes)));
  }
  return Math.min(...ratios);
}

const makeList = (count: number, element: string) =>
  `[${`${element},`.repeat(count - 1)}${element}]`;
const fill = (element: string, bytes: number) =>
  makeList(Math.floor(bytes / (element.length + 1)) - 1, element);
const nested = (open: string, close: string, inner: string, bytes: number) => {
  const depth = Math.floor((bytes - inner.length) / (open.length + close.length));
  return `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
};
const members = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 1])));
const tests = (count: number) => Array.from({ length: count }, () => '@.a==2').join('||');

/** The largest `inner` for `wrapValue`, which adds less than 100 bytes. */
const INNER_MAX_BYTES = LINK_BODY_MAX_BYTES - 100;
const wrapValue = (inner: string) => `{"value":5,"x":${inner}}`;

it.each([
  ['as many elements as a wildcard may look at', '.*', makeList(19_000, '{}')],
  ['as many elements as a filter may look at', '[?@.a==2]', makeList(3999, '{"a":1}')],
  ['as many elements as a long filter may look at', `[?${tests(40)}]`, makeList(99, '{"a":1}')],
  [
    'as many elements as a deep filter may look at',
    `[?@${'.a'.repeat(240)}==1]`,
    makeList(80, `${'{"a":'.repeat(240)}1${'}'.repeat(240)}`),
  ],
  ['wildcards level by level', '[*]'.repeat(169), makeList(9000, '[1]')],
  ['more elements than a wildcard may look at', '.*', fill('1', INNER_MAX_BYTES)],
  ['more elements than a filter may look at', `[?${tests(50)}]`, fill('{"a":1}', INNER_MAX_BYTES)],
  ['more members than a filter may look at', '[?@==2]', members(90_000)],
  [
    'an index in an index',
    `[*]${'[0]'.repeat(160)}`,
    fill(nested('[', ']', '1', 321), INNER_MAX_BYTES),
  ],
  [
    'a name in a name',
    `[*]${'.a'.repeat(100)}`,
    fill(nested('{"a":', '}', '1', 601), INNER_MAX_BYTES),
  ],
  ['arrays in arrays', '[*]'.repeat(169), nested('[', ']', '', INNER_MAX_BYTES)],
  ['objects in objects', '.a'.repeat(254), nested('{"a":', '}', '1', INNER_MAX_BYTES)],
  ['one long text', '[?@ < "x"]', `["${'x'.repeat(INNER_MAX_BYTES - 4)}"]`],
  ['a deep parenthesis', `[?${'('.repeat(250)}@${')'.repeat(250)}]`, makeList(6000, '1')],
])('a path costs at most 4 times a pointer into the same body: %s', async (_, path, inner) => {
  const row = await storeEvaluation();
  const [hostile, usual] = [
    await createLinkTo(row, { path: `$.x${path}` }),
    await createLinkTo(row),
  ];
  const body = wrapValue(inner);

  const ratio = await measureRatio({ url: hostile.url, body }, { url: usual.url, body });
  expect(ratio).toBeLessThanOrEqual(RATIO_MAX);
});

/** At the full 1 MiB, the ratio of the slowest body would be too close to `RATIO_MAX`. */
const HALF_BODY_BYTES = LINK_BODY_MAX_BYTES / 2;

it.each([
  ['arrays in arrays', nested('[', ']', '', HALF_BODY_BYTES)],
  ['objects in objects', nested('{"a":', '}', '1', HALF_BODY_BYTES)],
  ['many elements', fill('1', HALF_BODY_BYTES)],
  ['many empty objects', fill('{}', HALF_BODY_BYTES)],
  ['many members', members(45_000)],
  ['one long text', `"${'x'.repeat(HALF_BODY_BYTES)}"`],
  ['text that is all escapes', `"${'\\u0061'.repeat(HALF_BODY_BYTES / 6)}"`],
])('a body costs at most 4 times a transcript of its size: %s', async (_, inner) => {
  const { url } = await createLinkTo(await storeEvaluation());
  const transcript = fill('{"word":"answer","start":12.34,"end":12.71}', HALF_BODY_BYTES);

  const ratio = await measureRatio(
    { url, body: wrapValue(inner) },
    { url, body: wrapValue(transcript) },
  );
  expect(ratio).toBeLessThanOrEqual(RATIO_MAX);
});
