/** Sends requests over at most 16 connections, and checks the status of each response. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

const CONNECTIONS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

export type Call = {
  readonly method: string;
  readonly path: string;
  /** One token for all requests, or tokens that the requests use in turn. */
  readonly token?: string | readonly string[] | undefined;
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly status: number;
};

/**
 * The number of tokens sent to each port. A new round continues with the next token, because a
 * Worker caches recent tokens.
 */
const sentTokens = new Map<number, number>();

function authorization(port: number, token: Call['token']) {
  if (token === undefined) return {};
  if (typeof token === 'string') return { authorization: `Bearer ${token}` };
  const at = sentTokens.get(port) ?? 0;
  sentTokens.set(port, at + 1);
  return { authorization: `Bearer ${token[at % token.length]}` };
}

export async function send(port: number, call: Call, count: number): Promise<void> {
  let left = count;
  const sender = async () => {
    while (left > 0) {
      left -= 1;
      await sendOne(port, call);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
}

export type Answer = { readonly headers: IncomingHttpHeaders; readonly text: string };

export function sendOne(
  port: number,
  { method, path, token, body, headers, status }: Call,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = {
      ...authorization(port, token),
      ...headers,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': body.length }),
    };
    const sent = request(
      { host: '127.0.0.1', port, method, path, headers: all, agent },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          if (response.statusCode === status) resolve({ headers: response.headers, text });
          else
            reject(
              new Error(
                `${method} ${path} answered ${response.statusCode}, not ${status}: ${text}`,
              ),
            );
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject).end(body);
  });
}
