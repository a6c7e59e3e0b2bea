/**
 * Fetches the key set of an issuer and keeps one copy for each isolate. README.md in this folder
 * explains the states of a refresh, and how long requests wait.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from '../clock.ts';
import { collectMessages, Failure } from '../failure.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type Found, findKeys, type KeySet, readRemoteJwks } from './jwks.ts';

/**
 * The Worker never uses a key set of this age, so a removed key verifies tokens for an hour at
 * most.
 */
const KEY_SET_STALE_SECONDS = 3600;
/** Once the key set is this old, a request starts a refresh in the background. */
const KEY_SET_REFRESH_SECONDS = 540;
/** Once the key set is this old, a request waits for a refresh, for at most STALE_WAIT_MS. */
const KEY_SET_FRESH_SECONDS = 600;
const STALE_WAIT_MS = 1000;

/**
 * The longest time of each state, in seconds. Even `refreshing` ends, because the platform may stop
 * a refresh.
 */
const STATE_SECONDS = { idle: 0, refreshing: 4, refreshed: 2, failed: 5 };

const ISSUER_TIMEOUT_MS = 3000;
const EDGE_CACHE_TIMEOUT_MS = 500;
/** 64 RSA keys of 4,096 bits are smaller than this limit. */
const KEY_SET_MAX_BYTES = 64 * 1024;

type Fetched = { readonly json: string; readonly keys: KeySet; readonly fetchedAt: number };

type State = {
  readonly kind: keyof typeof STATE_SECONDS;
  readonly at: number;
};

/**
 * Finds the keys with the algorithm and the key id of a token.
 * @throws {Failure} `keys_unavailable` if the Worker cannot get a set in time.
 */
export type FindKeys = (alg: string, kid: string | undefined) => Promise<Found>;

/** Creates the function that finds keys in an issuer's key set. */
export function createRemoteJwks(source: RemoteKeySource, clock: Clock): FindKeys {
  const edge = createEdgeCache(source, clock);
  let keptSet: Fetched | undefined;
  let state: State = { kind: 'idle', at: 0 };
  let lastFault: string | undefined;

  const now = () => clock.now().getTime();
  /**
   * Returns true if `at` was less than `seconds` ago. Returns false if `at` is in the future,
   * because clocks may differ.
   */
  const isRecent = (at: number, seconds: number) => now() >= at && now() - at < seconds * 1000;
  const isSetYounger = (seconds: number) =>
    keptSet !== undefined && isRecent(keptSet.fetchedAt, seconds);
  const getUsableSet = () => (isSetYounger(KEY_SET_STALE_SECONDS) ? keptSet : undefined);
  const getState = () => (isRecent(state.at, STATE_SECONDS[state.kind]) ? state.kind : 'idle');
  const stateEndsInMs = () => Math.max(0, state.at + STATE_SECONDS[state.kind] * 1000 - now());

  /**
   * Keeps the fetched set if it is newer than the present set, or if the present set is not usable.
   * A refresh that started earlier may end later.
   */
  function keep(fetched: Fetched): void {
    if (
      fetched.fetchedAt <= now() &&
      !(keptSet && getUsableSet() && keptSet.fetchedAt >= fetched.fetchedAt)
    )
      keptSet = fetched;
  }

  /**
   * Gets a key set that was fetched at `notBefore` (milliseconds since 1970) or later. Never
   * rejects.
   */
  async function refreshSet(notBefore: number): Promise<State['kind']> {
    try {
      const cached = await edge.read();
      if (cached) keep(cached);
      const isEnough = (getUsableSet()?.fetchedAt ?? 0) >= notBefore;
      if (!isEnough) {
        const fetched = await fetchJwks(source.url, clock);
        keep(fetched);
        waitUntil(edge.write(fetched));
      }
      lastFault = undefined;
      return isEnough ? 'idle' : 'refreshed';
    } catch (thrown) {
      lastFault = collectMessages(thrown);
      // While the present key set is usable, only this warning tells the operator of the outage.
      console.warn(
        JSON.stringify({
          warning: 'key_set_not_refreshed',
          key_set: source.url.host,
          cause: lastFault,
        }),
      );
      return 'failed';
    }
  }

  function startRefresh(notBefore: number): void {
    if (getState() === 'failed' || getState() === 'refreshing') return;
    const ownState: State = { kind: 'refreshing', at: now() };
    state = ownState;
    const settled = refreshSet(notBefore).then((kind) => {
      // A slow refresh must not overwrite the state of a later refresh.
      if (state === ownState) state = { kind, at: now() };
    });
    waitUntil(settled);
  }

  function waitForRefresh(milliseconds: number): Promise<void> {
    const awaited = state;
    return waitWhile(clock, milliseconds, () => state === awaited && getState() === 'refreshing');
  }

  function unavailable(): Failure {
    return new Failure(
      'keys_unavailable',
      "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
      { retryAfterSeconds: getState() === 'failed' ? Math.ceil(stateEndsInMs() / 1000) : 1 },
      { cause: `key set of ${source.url.host}: ${lastFault ?? 'not fetched in time'}` },
    );
  }

  return async function findRemoteKeys(alg, kid) {
    const arrivedAt = now();
    const find = () => findKeys(getUsableSet()?.keys ?? [], alg, kid);
    // The issuer may publish a key after the last fetch. So a key counts as unknown only if the key
    // set was fetched after the token arrived.
    const isDecided = () => find() !== 'unknown' || (getUsableSet()?.fetchedAt ?? 0) >= arrivedAt;
    const youngSince = arrivedAt - KEY_SET_REFRESH_SECONDS * 1000 + 1;

    if (getUsableSet() && !isSetYounger(KEY_SET_REFRESH_SECONDS)) {
      startRefresh(youngSince);
      if (!isSetYounger(KEY_SET_FRESH_SECONDS) && lastFault === undefined)
        await waitForRefresh(STALE_WAIT_MS);
    }
    // A second attempt is needed if the first refresh began before the token arrived, or if the
    // platform stopped it.
    for (let attempt = 1; attempt <= 2 && !isDecided(); attempt += 1) {
      if (getState() === 'refreshed') await clock.sleep(stateEndsInMs());
      startRefresh(getUsableSet() ? arrivedAt : youngSince);
      await waitForRefresh(stateEndsInMs());
    }
    if (!isDecided()) throw unavailable();
    return find();
  };
}

const FETCHED_AT = 'x-fetched-at';

/**
 * Creates the edge cache of the key set. A Worker that knew the name of the entry could plant a
 * key. So the name contains the id of the deployed version.
 */
function createEdgeCache({ url, version }: RemoteKeySource, clock: Clock) {
  const name = `https://key-set.invalid/${version}?url=${encodeURIComponent(url.href)}`;
  const inTime = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    version ? withTimeout(clock, EDGE_CACHE_TIMEOUT_MS, work()).catch(() => undefined) : undefined;

  return {
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

async function fetchJwks(url: URL, clock: Clock): Promise<Fetched> {
  // The time is taken before the request, because the response may lack a later change of the keys.
  const fetchedAt = clock.now().getTime();
  const controller = new AbortController();
  const json = await withTimeout(clock, ISSUER_TIMEOUT_MS, fetchJson(url, controller.signal), () =>
    controller.abort(),
  );
  return { json, keys: await readRemoteJwks(json), fetchedAt };
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<string> {
  // Bypasses Cloudflare's cache, whose responses do not tell how old they are.
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
