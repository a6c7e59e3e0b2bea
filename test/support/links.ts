/** Creates links, and makes the requests that machines and browsers send to a link. */
import {
  createLinkId,
  createLinkKeys,
  type EvaluationLink,
  type Link,
} from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import { LINK_SECRET } from './secret.ts';
import {
  ACCOUNT,
  buildPath,
  DB,
  type Row,
  request,
  requirePresent,
  type Send,
  SUBJECT,
  worker,
} from './worker.ts';

export async function createLinkTo(
  row: Row,
  body: object = {},
  token?: string,
  send: Send = worker,
): Promise<EvaluationLink> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const made = await send(
    await request(`${buildPath(row)}/links`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers,
    }),
  );
  if (made.status !== 201) throw new Error(`no link: ${made.status} ${await made.text()}`);
  return made.json();
}

export const readKey = (url: string) => requirePresent(new URL(url).searchParams.get('key'));

export const visit = (url: string, init: RequestInit = {}) => {
  const { body, ...rest } = init;
  // Sends a text as bytes, because `Request` would add a Content-Type to a string.
  return new Request(
    url,
    typeof body === 'string' ? { ...rest, body: new TextEncoder().encode(body) } : init,
  );
};

export const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  visit(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });

export const BROWSER = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
};

export const open = (url: string) => visit(url, { headers: BROWSER });

/** Makes the request that a browser sends when a person submits the page's form. */
export const answer = (url: string, version: string, value: string) =>
  new Request(url, {
    method: 'POST',
    headers: BROWSER,
    body: new URLSearchParams({ version, value }),
  });

/**
 * Signs a link without the Worker, so that a test can use links that the Worker would not create.
 */
export async function signLink(
  row: Row,
  { expires_at = new Date(Date.now() + 600_000).toISOString(), ...changed }: Partial<Link> = {},
  secret = LINK_SECRET,
): Promise<string> {
  const { sign } = await createLinkKeys(new TextEncoder().encode(secret));
  const key = await sign({
    id: createLinkId(expires_at),
    account: ACCOUNT as AccountId,
    author: SUBJECT,
    expires_at,
    evaluation_id: row.id,
    pointer: '/value',
    values: {},
    ...changed,
  });
  return `https://api.test/v1/link?key=${key}`;
}

export const readRevocations = async ({ id }: Row) =>
  (await DB.prepare('SELECT * FROM revoked_link WHERE evaluation_id = ?').bind(id).all()).results;
