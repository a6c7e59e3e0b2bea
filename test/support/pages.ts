/** Reads the pages of a list. Every list refuses the query parameters in `LIMITS` and `CURSORS`. */
import { expect } from 'vitest';
import { get, type Send, worker } from './worker.ts';

/** Follows the `Link` headers from `path` to the last page, for at most 20 pages. */
export async function readPages<T>(
  path: string,
  headers: Record<string, string> = {},
  send: Send = worker,
): Promise<T[][]> {
  const pages: T[][] = [];
  for (let next: string | undefined = path; next !== undefined && pages.length < 20; ) {
    const response = await send(await get(next, headers));
    expect(response.status).toBe(200);
    pages.push(await response.json<T[]>());
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return pages;
}

export const LIMITS = ['0', '007', '1001', '-1', '1.5', '1e2', 'ten', '', '99999', '٣'];
const PADDED = btoa('2026-01-01T00:00:00.000Z 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01');
export const CURSORS = [
  '',
  'x',
  'AAAA',
  '%00',
  PADDED.padEnd(84, '='),
  ` ${PADDED}`,
  btoa('2026-01-01T00:00:00.000Z').replaceAll('=', '1'),
  btoa("' OR 1=1 --"),
];
