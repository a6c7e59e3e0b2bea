/**
 * Sends requests over a bounded number of kept connections, and compares every answer with the
 * document. After a 503 the caller does what a real one would: it sends the same request again
 * after Retry-After, scaled down.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Judge } from './document.ts';
import type { Findings } from './findings.ts';
import type { Objects } from './objects.ts';

export type Call = {
  /** The name under which the report counts the request. */
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
 * The last answer, and how many tries before it ended in 503. The writes of those tries may be
 * stored or not.
 */
export type Outcome = { readonly answer: Answer; readonly uncertain: number };

export type Caller = {
  /**
   * Sends a request. @throws {Error} if the connection breaks or nobody answers: a Worker always
   * answers
   */
  readonly call: (call: Call) => Promise<Outcome>;
  readonly close: () => void;
};

/** The number is small, so that callers give up on some requests and these stay in doubt. */
const TRIES_MAX = 3;
/** The duration of a second of Retry-After in the soak. */
const SECOND_MS = 20;
/** The time for four tries, each of which a caller gives up after five seconds, and some room. */
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
        // A 503 at the end leaves its own try in doubt too.
        return { answer, uncertain: answer.status === 503 ? tries : tries - 1 };
      }
      await pause(Number(answer.headers['retry-after'] ?? 1) * SECOND_MS);
    }
  }

  function send({ method, path, headers, body }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length =
        body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const version = { 'x-account-objects': objects.drawSetting() };
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
