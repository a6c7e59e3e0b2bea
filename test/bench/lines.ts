/** Defines the lines of the tables. Each line is a request and the Workers that can answer it. */
import { type Call, sendOne } from './load.ts';
import { ILLEGAL_VALUE, MISSING, OLD_VERSION, RUN, STORED } from './stand-in.ts';
import { type Alg, type Credentials, createCredentials } from './tokens.ts';
import type { Workerd } from './workerd.ts';
import { type Name, WORKERS } from './workers.ts';

export type Line = {
  readonly title: string;
  readonly alg: Alg;
  readonly call: Call;
  readonly workers: readonly Name[];
  /**
   * The title of a similar line, if no peer can answer this request. The ratios then use the
   * peers' figures for the similar line.
   */
  readonly beside?: string;
};

const ALL_BUT_LEAN = WORKERS.filter((name) => name !== 'lean');
const OWN: readonly Name[] = ['run-evaluation'];

const path = (id: string) => `/v1/run/${RUN}/evaluation/${id}`;
const put = { method: 'PUT', path: path(STORED), body: '{"value":8}', status: 200 };
const get = { method: 'GET', path: path(STORED), status: 200 };

export async function createAllCredentials(
  algorithms: readonly Alg[],
): Promise<ReadonlyMap<Alg, Credentials>> {
  return new Map(
    await Promise.all(algorithms.map(async (alg) => [alg, await createCredentials(alg)] as const)),
  );
}

export const readSettings = (
  credentials: ReadonlyMap<Alg, Credentials>,
): ReadonlyMap<Alg, Credentials['settings']> =>
  new Map([...credentials].map(([alg, { settings }]) => [alg, settings]));

function findHs256(credentials: ReadonlyMap<Alg, Credentials>): Credentials {
  const hmac = credentials.get('HS256');
  if (!hmac) throw new Error('no HS256');
  return hmac;
}

/** Creates the lines. The line "update by a link" needs a link from run-evaluation on `port`. */
export async function createLines(
  credentials: ReadonlyMap<Alg, Credentials>,
  port: number,
): Promise<Line[]> {
  const { token, forged, expired } = findHs256(credentials);
  const link = await createLink(port, token);
  const line = (
    title: string,
    call: Call,
    workers: readonly Name[] = WORKERS,
    alg: Alg = 'HS256',
  ) => ({
    title,
    alg,
    workers,
    call: { token, ...call },
  });
  return [
    ...[...credentials].flatMap(([alg, { token, tokens }]) => [
      line(`update, ${alg}, repeated token`, { ...put, token }, WORKERS, alg),
      line(`update, ${alg}, new token`, { ...put, token: tokens }, WORKERS, alg),
    ]),
    line('get', get),
    line('update of a missing row: 404', { ...put, path: path(MISSING), status: 404 }),
    line('get of a missing row: 404', { ...get, path: path(MISSING), status: 404 }),
    line(
      'update of another version: 412',
      { ...put, headers: { 'if-match': `"${OLD_VERSION}"` }, status: 412 },
      ALL_BUT_LEAN,
    ),
    line(
      'refused update: 422',
      { ...put, body: `{"value":${ILLEGAL_VALUE}}`, status: 422 },
      ALL_BUT_LEAN,
    ),
    line('forged token: 401', { ...put, token: forged, status: 401 }),
    line('expired token: 401', { ...put, token: expired, status: 401 }),
    line('no JWT: 401', { ...put, token: 'none', status: 401 }),
    // The key in the link's URL replaces a token.
    {
      ...line(
        'update by a link',
        { method: 'POST', path: link, body: put.body, status: 200, token: undefined },
        OWN,
      ),
      beside: 'update, HS256, repeated token',
    },
  ];
}

async function createLink(port: number, token: string): Promise<string> {
  const call = {
    method: 'POST',
    path: `${path(STORED)}/links`,
    body: '{"name":"anna"}',
    status: 201,
    token,
  };
  const { pathname, search } = new URL(JSON.parse((await sendOne(port, call)).text).url);
  return pathname + search;
}

export function findPort(started: ReadonlyMap<Name, Workerd>, name: Name, alg: Alg): number {
  const port = started.get(name)?.ports.get(alg);
  if (port === undefined) throw new Error(`${name} does not listen for ${alg}`);
  return port;
}
