/**
 * Fetches the key set of an issuer and keeps the set in memory, one copy for each isolate. A
 * refresh replaces the kept set with a newer one. README.md in this folder explains the states of a
 * refresh, and how long requests wait.
 *
 * All requests of an isolate share one refresh. If the caller of the request that started the
 * refresh disconnects, `waitUntil` keeps the refresh running. A request waits for the refresh with
 * timers of its own, never for a promise of another request (`waitWhile` in clock.ts).
 *
 * The trade-off: if an issuer removes a key from its set, the Worker may still accept the key for
 * up to KEY_SET_FRESH_SECONDS. If the issuer does not answer, the Worker may still accept the key
 * for up to KEY_SET_STALE_SECONDS.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type Found, findKeys, type KeySet, readRemoteJwks } from './jwks.ts';

/**
 * The Worker does not use a set of this age or older. One hour is longer than most outages of an
 * issuer. If the limit were higher, a key that the issuer has removed could verify tokens for more
 * than an hour.
 */
const KEY_SET_STALE_SECONDS = 3600;
/**
 * If the kept set has at least this age, a request starts a refresh in the background. If the kept
 * set is still younger than KEY_SET_FRESH_SECONDS, the request uses it without waiting. Under
 * steady traffic, the refresh ends before the kept set reaches that age, so no request waits.
 */
const KEY_SET_REFRESH_SECONDS = 540;
/**
 * If the kept set has at least this age, a request waits for a refresh, but at most STALE_WAIT_MS.
 * After STALE_WAIT_MS, the request uses the kept set. If the last refresh failed, the request uses
 * the kept set without waiting.
 */
const KEY_SET_FRESH_SECONDS = 600;
const STALE_WAIT_MS = 1000;

/**
 * The states of an isolate's refresh, and the longest time in seconds that each state lasts. After
 * this time, the state is `idle` again.
 * - `idle`: a request may start a refresh.
 * - `refreshing`: a refresh is running. It takes at most 3.5 seconds. If the platform stops the
 *   refresh, no code sets another state. So this state ends after a fixed time.
 * - `refreshed`: the issuer has just sent a set. If a token has an unknown key id, its request
 *   waits until this state ends, and then starts a refresh. So a flood of such tokens causes at
 *   most one fetch in 2 seconds.
 * - `failed`: the refresh has failed. No request starts a refresh until this state ends. So a flood
 *   of requests during an outage causes at most one fetch in 5 seconds.
 */
const STATE_SECONDS = { idle: 0, refreshing: 4, refreshed: 2, failed: 5 };

const ISSUER_TIMEOUT_MS = 3000;
const EDGE_CACHE_TIMEOUT_MS = 500;
/**
 * The largest response that the Worker reads from an issuer: enough for 64 RSA keys of 4,096 bits.
 */
const KEY_SET_MAX_BYTES = 64 * 1024;

type Fetched = { readonly json: string; readonly keys: KeySet; readonly fetchedAt: number };

type State = {
  readonly kind: keyof typeof STATE_SECONDS;
  readonly at: number;
};

/**
 * Finds the keys with the algorithm and the key id of a token.
 * @throws {Failure} `keys_unavailable` if the Worker has no set with such a key and cannot get a
 * newer set in time.
 */
export type FindKeys = (alg: string, kid: string | undefined) => Promise<Found>;

/**
 * Creates the function that finds keys in an issuer's key set. `createRemoteJwks` fetches nothing.
 * The first request that looks for a key gets the set, from the edge cache or from the issuer.
 */
export function createRemoteJwks(source: RemoteKeySource, clock: Clock): FindKeys {
  const edge = createEdgeCache(source, clock);
  let keptSet: Fetched | undefined;
  let state: State = { kind: 'idle', at: 0 };
  /** The reason why the last refresh failed; undefined if it succeeded. */
  let lastFault: string | undefined;

  const now = () => clock.now().getTime();
  /**
   * Returns true if `at` was less than `seconds` ago. Returns false if `at` is in the future. `at`
   * can be in the future if the clock was set back, or if a machine whose clock is ahead wrote `at`
   * to the edge cache.
   */
  const isRecent = (at: number, seconds: number) => now() >= at && now() - at < seconds * 1000;
  const isSetYounger = (seconds: number) =>
    keptSet !== undefined && isRecent(keptSet.fetchedAt, seconds);
  const getUsableSet = () => (isSetYounger(KEY_SET_STALE_SECONDS) ? keptSet : undefined);
  const getState = () => (isRecent(state.at, STATE_SECONDS[state.kind]) ? state.kind : 'idle');
  const stateEndsInMs = () => Math.max(0, state.at + STATE_SECONDS[state.kind] * 1000 - now());

  /**
   * Replaces the kept set with `fetched`, unless the kept set is usable and was fetched at the same
   * time or later. `fetched` can be the older set, because a refresh that started earlier may end
   * later. Also ignores `fetched` if its time is in the future.
   */
  function keep(fetched: Fetched): void {
    if (
      fetched.fetchedAt <= now() &&
      !(keptSet && getUsableSet() && keptSet.fetchedAt >= fetched.fetchedAt)
    )
      keptSet = fetched;
  }

  /**
   * Gets a set that was fetched at `notBefore` (milliseconds since 1970) or later, and keeps it. If
   * the edge cache has such a set, takes that one. Otherwise fetches the set from the issuer.
   * Returns the state that follows the refresh. If the refresh fails, returns `failed` and does not
   * reject.
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
      lastFault = messageOf(thrown);
      // While the kept set is usable, requests succeed. Only this warning tells the operator of the
      // outage.
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

  /** Starts a refresh, unless the state is `refreshing` or `failed`. */
  function startRefresh(notBefore: number): void {
    if (getState() === 'failed' || getState() === 'refreshing') return;
    const ownState: State = { kind: 'refreshing', at: now() };
    state = ownState;
    const settled = refreshSet(notBefore).then((kind) => {
      // If this refresh took longer than STATE_SECONDS.refreshing, a later refresh may have started
      // and set `state`. Then this refresh leaves `state` alone.
      if (state === ownState) state = { kind, at: now() };
    });
    waitUntil(settled);
  }

  /** Waits until the running refresh has ended, but at most `milliseconds`. */
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
    // If the set lacks the key, the issuer may have published the key after the Worker fetched the
    // set. The Worker calls a key unknown only if it fetched the set after the token arrived.
    const isDecided = () => find() !== 'unknown' || (getUsableSet()?.fetchedAt ?? 0) >= arrivedAt;
    /** A set that was fetched at this time or later is younger than KEY_SET_REFRESH_SECONDS. */
    const youngSince = arrivedAt - KEY_SET_REFRESH_SECONDS * 1000 + 1;

    if (getUsableSet() && !isSetYounger(KEY_SET_REFRESH_SECONDS)) {
      startRefresh(youngSince);
      if (!isSetYounger(KEY_SET_FRESH_SECONDS) && lastFault === undefined)
        await waitForRefresh(STALE_WAIT_MS);
    }
    // One refresh may not be enough. The first may have begun before the token arrived, or the
    // platform may have stopped it. Then this request waits for a second refresh.
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
 * Creates the functions that read and write the set in the edge cache. If the cache fails, requests
 * take longer but get the same results.
 *
 * All Workers of a zone share the edge cache. If another Worker knew the name of our entry, that
 * Worker could replace our set with a set that contains its own key. So the name contains the id of
 * the deployed version, a random UUID that nobody outside the Cloudflare account learns. If the
 * deployment has no such id, the functions do not use the cache.
 */
function createEdgeCache({ url, version }: RemoteKeySource, clock: Clock) {
  const name = `https://key-set.invalid/${version}?url=${encodeURIComponent(url.href)}`;
  const inTime = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    version ? withTimeout(clock, EDGE_CACHE_TIMEOUT_MS, work()).catch(() => undefined) : undefined;

  return {
    /** Returns undefined if the cache has no entry, fails, or does not answer in time. */
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

/**
 * Fetches the set from the issuer.
 * @throws {Error} The message tells what is wrong, such as `answered 404`.
 */
async function fetchJwks(url: URL, clock: Clock): Promise<Fetched> {
  // `fetchedAt` is the time of the request to the issuer, not of the response. The issuer may
  // change its keys after the request, and the response may lack that change.
  const fetchedAt = clock.now().getTime();
  const controller = new AbortController();
  const json = await withTimeout(clock, ISSUER_TIMEOUT_MS, fetchJson(url, controller.signal), () =>
    controller.abort(),
  );
  return { json, keys: await readRemoteJwks(json), fetchedAt };
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<string> {
  // `no-store` bypasses Cloudflare's own cache. A response from that cache would not tell how old
  // it is.
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
