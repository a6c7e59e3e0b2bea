/** Creates a link, posts to it as a machine does, and opens it as a person does. */
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

/** Creates a link to the evaluation through the API, by the sample account or with this token. */
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

/** Returns the key in the URL of a link. */
export const readKey = (url: string) => requirePresent(new URL(url).searchParams.get('key'));

/** Makes a request to the URL of a link, with the given headers and no others. */
export const visit = (url: string, init: RequestInit = {}) => {
  const { body, ...rest } = init;
  // A text would get a Content-Type of its own.
  return new Request(
    url,
    typeof body === 'string' ? { ...rest, body: new TextEncoder().encode(body) } : init,
  );
};

/** Makes the request with which a sender posts to the link. */
export const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  visit(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });

/** The headers with which a browser asks for a page. */
export const BROWSER = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
};

export const open = (url: string) => visit(url, { headers: BROWSER });

/** Makes the request that the form of the page sends. */
export const answer = (url: string, version: string, value: string) =>
  new Request(url, {
    method: 'POST',
    headers: BROWSER,
    body: new URLSearchParams({ version, value }),
  });

/**
 * Returns the URL of a link that the Worker under test has not created. Anyone with the secret can
 * sign any content.
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

/** Reads the revocations of an evaluation's links. */
export const readRevocations = async ({ id }: Row) =>
  (await DB.prepare('SELECT * FROM revoked_link WHERE evaluation_id = ?').bind(id).all()).results;
