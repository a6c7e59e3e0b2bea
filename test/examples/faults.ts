/**
 * Runs a proxy in front of the Worker. The proxy loses, cuts off and refuses requests, as networks
 * and servers do. A test gives the proxy a list of faults. The first fault applies to the first
 * request, the second fault to the second request, and so on. All later requests pass.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';

type Reply = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  /** If true, the proxy closes the connection in the middle of the body. */
  readonly isCut?: boolean;
};
/**
 * Decides how the proxy answers a request. `forward` sends the request to the Worker and returns
 * the Worker's response. If a fault returns undefined, the proxy resets the connection.
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
/**
 * Makes a fault in which the request never reaches the Worker. The proxy runs `meanwhile`, such as
 * an update by another caller, and then resets the connection.
 */
export const loseRequest =
  (meanwhile: () => Promise<unknown> = async () => undefined): Fault =>
  async () => {
    await meanwhile();
    return undefined;
  };
/**
 * Makes a fault in which the Worker stores the write, but the response is lost. The proxy runs
 * `meanwhile` and then resets the connection.
 */
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
 * Headers that the proxy copies neither to the Worker's request nor to the caller's response. Node
 * sets most of them for each connection. The proxy itself sets `accept-encoding: identity`, so that
 * the Worker does not compress the body. Otherwise `fetch` would decompress the body, and the
 * caller would get other bytes than the Worker sent.
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
