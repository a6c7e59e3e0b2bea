/**
 * Where an issuer's key set comes from: the edge cache, which holds what passed here before, or the issuer itself, which
 * is not trusted before status, size and shape are checked. Neither may hold a request up for longer than its time.
 */
import { type Clock, withTimeout } from '../clock.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type KeySet, readRemoteJwks } from './jwks.ts';

/** How old a set may be while the issuer does not answer: longer than most outages, short enough for a removed key. */
export const KEY_SET_STALE_SECONDS = 3600;

const ISSUER_TIMEOUT_MS = 3000;
const EDGE_TIMEOUT_MS = 500;
const KEY_SET_MAX_BYTES = 64 * 1024;

export type Fetched = { readonly json: string; readonly keys: KeySet; readonly fetchedAt: number };

const FETCHED_AT = 'x-fetched-at';

/**
 * The set in the edge cache. All Workers of a zone share that cache, and whoever writes our entry plants a key: so its
 * name holds the id of the deployed version, a random UUID that nobody outside of the account is told. Without that id
 * nothing is cached. A cache that does not work costs speed, not correctness.
 */
export function createEdgeCache({ url, version }: RemoteKeySource, clock: Clock) {
  const name = `https://key-set.invalid/${version}?url=${encodeURIComponent(url.href)}`;
  const inTime = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    version ? withTimeout(clock, EDGE_TIMEOUT_MS, work()).catch(() => undefined) : undefined;

  return {
    /** Undefined where there is none, or none that can be read. */
    read: () =>
      inTime(async (): Promise<Fetched | undefined> => {
        const response = await caches.default.match(name);
        if (!response) return undefined;
        const json = await response.text();
        return {
          json,
          keys: await readRemoteJwks(json),
          fetchedAt: Number(response.headers.get(FETCHED_AT)),
        };
      }),
    write: ({ json, fetchedAt }: Fetched) =>
      inTime(async () => {
        const headers = {
          'cache-control': `max-age=${KEY_SET_STALE_SECONDS}`,
          [FETCHED_AT]: String(fetchedAt),
        };
        await caches.default.put(name, new Response(json, { headers }));
      }),
  };
}

/** @throws {Error} saying what the issuer did instead of answering with a key set. */
export async function fetchJwks(url: URL, clock: Clock): Promise<Fetched> {
  // The set is as old as the question: what the issuer changes while it answers may not be in it.
  const fetchedAt = clock.now().getTime();
  const controller = new AbortController();
  const json = await withTimeout(clock, ISSUER_TIMEOUT_MS, fetchJson(url, controller.signal), () =>
    controller.abort(),
  );
  return { json, keys: await readRemoteJwks(json), fetchedAt };
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<string> {
  // Not from a cache of the platform's own, whose copies do not say how old they are.
  const init = {
    headers: { accept: 'application/json' },
    cache: 'no-store',
    redirect: 'manual',
    signal,
  } as const;
  const response = await fetch(url, init);
  if (response.status !== 200) throw new Error(`answered ${response.status}`);
  return readText(response);
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let text = '';
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > KEY_SET_MAX_BYTES)
      throw new Error(`answered more than ${KEY_SET_MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
