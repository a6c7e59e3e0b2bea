/** Makes and sends updates with If-Match, and makes the 412 response that a test expects. */
import { buildPath, mintToken, type Row, request, type Send, worker } from './worker.ts';

export const put = async (row: Row, value: number, ifMatch: string | null, sub = 'user-123') =>
  request(buildPath(row), {
    body: JSON.stringify({ value }),
    headers: { authorization: `Bearer ${await mintToken({ sub })}`, 'if-match': ifMatch },
  });

type Put = { readonly ifMatch?: string | null; readonly sub?: string; readonly send?: Send };

export const sendPut = async (
  row: Row,
  value: number,
  { ifMatch = null, sub = 'user-123', send = worker }: Put = {},
) => send(await put(row, value, ifMatch, sub));

export const readTag = (response: Response) => response.headers.get('etag') ?? '';
export const readCurrentTag = async (row: Row) => readTag(await sendPut(row, 1));

export const makeStaleRefusal = (etag: string) => ({
  status: 412,
  error: 'The evaluation is not as If-Match expects it: get it again, and send its present ETag.',
  headers: { etag, 'cache-control': 'no-store, no-transform' },
});
