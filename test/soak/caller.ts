/**
 * An HTTP client for the soak. It uses a limited number of keep-alive connections, and checks every
 * response against the OpenAPI document. If the response is 503, the client waits, and then sends
 * the same request again, as a real caller would. The response tells in Retry-After how many
 * seconds to wait. To save time, the client waits only SECOND_MS for each of these seconds.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Judge } from './document.ts';
import type { Findings } from './findings.ts';
import type { Objects } from './objects.ts';

export type Call = {
  /** The kind of request, such as `update`. The report counts requests by kind. */
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
 * The result of a request that the client sent once or several times. Each time is a try. `answer`
 * is the response to the last try. `uncertain` counts the tries that got 503 or lost their
 * connection. If the request is a write, nobody knows whether the Worker stored it in one of these
 * tries.
 */
export type Outcome = { readonly answer: Answer; readonly uncertain: number };

export type Caller = {
  /**
   * Sends a request. If the response is 503, sends the request again.
   * @throws {Error} if the connection breaks, or no response comes within ANSWER_MAX_MS
   */
  readonly call: (call: Call) => Promise<Outcome>;
  readonly close: () => void;
};

/**
 * The client sends a request at most this many times. The number is low on purpose: some requests
 * must end with a 503, so that the soak also tests writes of which nobody knows whether the Worker
 * stored them.
 */
const TRIES_MAX = 3;
/** The client waits this long for each second in Retry-After. */
const SECOND_MS = 20;
/**
 * If no response comes within this time, the client throws an error. The Worker waits for D1 for at
 * most 7 s (src/db/connection.ts). The rest of this time is a reserve for a busy machine.
 */
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
        // Each try that got a 503 is uncertain. Only the last try can have another status.
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
