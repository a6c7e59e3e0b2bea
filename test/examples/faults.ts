/**
 * Runs a proxy that makes requests to the Worker fail. Each of `faults` applies to one request, in
 * order. Later requests reach the Worker unchanged.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';

type Reply = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly isCut?: boolean;
};
/**
 * Decides the response to a request. `forward` sends the request to the Worker. If the result is
 * undefined, the proxy resets the connection.
 */
type Fault = (forward: () => Promise<Reply>) => Promise<Reply | undefined>;

type Seen = {
  readonly at: number;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  reply?: Reply | undefined;
};

const refusal = (status: number, seconds: number): Reply => ({
  status,
  headers: { 'retry-after': String(seconds) },
  body: `{"error":"Served ${status}."}`,
});

export const pass: Fault = (forward) => forward();
export const refuse =
  (status: number, seconds: number): Fault =>
  async () =>
    refusal(status, seconds);
export const loseRequest =
  (meanwhile: () => Promise<unknown> = async () => undefined): Fault =>
  async () => {
    await meanwhile();
    return undefined;
  };
export const loseResponse =
  (meanwhile: () => Promise<unknown> = async () => undefined): Fault =>
  async (forward) => {
    await forward();
    await meanwhile();
    return undefined;
  };
export const cutResponse: Fault = async (forward) => ({ ...(await forward()), isCut: true });
export const storeAndRefuse: Fault = async (forward) => {
  await forward();
  return refusal(503, 1);
};
export const dropEtag: Fault = async (forward) => {
  const { headers, ...reply } = await forward();
  const { etag: _, ...others } = headers;
  return { ...reply, headers: others };
};

/**
 * Headers that the proxy does not copy. Node sets most of them. The proxy asks for an uncompressed
 * body with its own `accept-encoding`.
 */
const NOT_COPIED = ['host', 'connection', 'content-length', 'transfer-encoding', 'accept-encoding'];
const pickCopied = (headers: Iterable<[string, unknown]>): [string, string][] =>
  [...headers]
    .filter(([name]) => !NOT_COPIED.includes(name))
    .map(([name, value]) => [name, String(value)]);

export async function startProxy(worker: URL, faults: readonly Fault[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', headers, url = '' } = request;
    const fault = faults[seen.length] ?? pass;
    const entry: Seen = { at: Date.now(), method, headers };
    seen.push(entry);
    const body = await buffer(request);
    entry.reply = await fault(async () => {
      const answer = await fetch(new URL(url, worker), {
        method,
        headers: [...pickCopied(Object.entries(headers)), ['accept-encoding', 'identity']],
        body: method === 'GET' ? null : body,
      });
      const { status } = answer;
      const text = await answer.text();
      return { status, headers: Object.fromEntries(pickCopied(answer.headers)), body: text };
    });
    const { reply } = entry;
    if (!reply) {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(reply.status, {
      ...reply.headers,
      'content-length': Buffer.byteLength(reply.body),
    });
    if (reply.isCut) response.write(reply.body.slice(0, 20), () => request.socket.destroy());
    else response.end(reply.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return { origin: `http://127.0.0.1:${address.port}`, seen, close: () => server.close() };
}
