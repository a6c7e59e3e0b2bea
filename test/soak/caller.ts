/**
 * Sends HTTP requests, and checks each response against the OpenAPI document. After a 503, the
 * caller sends the request again.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Judge } from './document.ts';
import type { Findings } from './findings.ts';
import type { Objects } from './objects.ts';

export type Call = {
  /** The name under which the report counts the request, such as `update`. */
  readonly kind: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
};

/**
 * `uncertain` counts the tries that got 503 or lost their connection. In each such try, the Worker
 * may have stored the write.
 */
export type Outcome = { readonly answer: Answer; readonly uncertain: number };

export type Caller = {
  /**
   * Sends a request, and repeats the request after a 503.
   * @throws {Error} if the connection breaks, or no response comes within ANSWER_MAX_MS
   */
  readonly call: (call: Call) => Promise<Outcome>;
  readonly close: () => void;
};

/** The limit of tries is low, so that some requests end with a 503. */
const TRIES_MAX = 3;
/** The caller waits this long for each second in Retry-After. */
const SECOND_MS = 20;
/** The time limit for a response. The Worker waits for D1 at most 7 s (src/db/connection.ts). */
const ANSWER_MAX_MS = 30_000;

type Created = {
  readonly findings: Findings;
  readonly judge: Judge;
  readonly objects: Objects;
};

export function createCaller(
  url: URL,
  connections: number,
  { findings, judge, objects }: Created,
): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  async function call(wanted: Call): Promise<Outcome> {
    for (let tries = 1; ; tries += 1) {
      const answer = await send(wanted);
      findings.count(wanted.kind, answer.status);
      for (const problem of judge(wanted, answer))
        findings.violate('outside the document', problem);
      if (answer.status !== 503 || tries === TRIES_MAX) {
        if (tries > 1) findings.settle(answer.status);
        return { answer, uncertain: answer.status === 503 ? tries : tries - 1 };
      }
      await pause(Number(answer.headers['retry-after'] ?? 1) * SECOND_MS);
    }
  }

  function send({ method, path, headers, body }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length =
        body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const version = { 'x-account-objects': objects.pickAccountObjects() };
      const options = {
        agent,
        method,
        headers: { ...headers, ...length, ...version },
        timeout: ANSWER_MAX_MS,
      };
      const sent = request(new URL(path, url), options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject).on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: parse(text),
          });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} was not answered`)));
      sent.on('error', reject).end(body);
    });
  }

  return { call, close: () => agent.destroy() };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
