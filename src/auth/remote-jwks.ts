/**
 * Fetches and keeps the key set of an issuer, once for each isolate; README.md draws the states. A
 * refresh belongs to the isolate, not to the request that starts it. `waitUntil` keeps the refresh
 * going if the caller disconnects, and each request waits with its own timers. The trade-off: a
 * removed key verifies for KEY_SET_FRESH_SECONDS more, or for KEY_SET_STALE_SECONDS while the
 * issuer does not answer. This file checks the status, size and shape of the issuer's response, and
 * bounds how long a request waits.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type Found, findKeys, type KeySet, readRemoteJwks } from './jwks.ts';

/**
 * From this age on a set is not used. The time is longer than most outages, and short enough for a
 * removed key.
 */
const KEY_SET_STALE_SECONDS = 3600;
/**
 * If the set is this old, the next request refreshes it in the background. Under steady traffic, no
 * request waits for a refresh.
 */
const KEY_SET_REFRESH_SECONDS = 540;
/**
 * From this age on a request uses the set only after it has waited STALE_WAIT_MS for the refresh,
 * or after the refresh has failed.
 */
const KEY_SET_FRESH_SECONDS = 600;
const STALE_WAIT_MS = 1000;

/**
 * The time after which each state becomes `idle` again.
 * - `refreshing`: longer than any refresh takes. A refresh that the platform has stopped never
 *   settles, so the state has to end without it.
 * - `refreshed`: a flood of unknown key ids reaches the issuer once in this time.
 * - `failed`: a flood of requests during an outage reaches the issuer once in this time.
 */
const STATE_SECONDS = { idle: 0, refreshing: 4, refreshed: 2, failed: 5 };

/** A request waits this long for the issuer and for the edge cache. */
const ISSUER_TIMEOUT_MS = 3000;
const EDGE_TIMEOUT_MS = 500;
/**
 * The largest key set that the Worker reads from an issuer: enough for 64 RSA keys of 4,096 bits.
 */
const KEY_SET_MAX_BYTES = 64 * 1024;

type Fetched = { readonly json: string; readonly keys: KeySet; readonly fetchedAt: number };

type State = {
  readonly kind: keyof typeof STATE_SECONDS;
  readonly at: number;
};

/**
 * Finds the keys for an algorithm and a key id.
 * @throws {Failure} `keys_unavailable` if the issuer has not answered, and the kept set does not
 * decide.
 */
export type FindKeys = (alg: string, kid: string | undefined) => Promise<Found>;

/**
 * Returns the function that finds keys in an issuer's key set. Its first call fetches the set.
 */
export function createRemoteJwks(source: RemoteKeySource, clock: Clock): FindKeys {
  const edge = createEdgeCache(source, clock);
  let kept: Fetched | undefined;
  let state: State = { kind: 'idle', at: 0 };
  /** Why the last refresh failed; undefined if the last refresh succeeded. */
  let fault: string | undefined;

  const now = () => clock.now().getTime();
  /**
   * Returns true if `at` was less than `seconds` ago. A time in the future does not count: the
   * clock was set back, or another machine wrote the time.
   */
  const isRecent = (at: number, seconds: number) => now() >= at && now() - at < seconds * 1000;
  const isYounger = (seconds: number) => kept !== undefined && isRecent(kept.fetchedAt, seconds);
  const usable = () => (isYounger(KEY_SET_STALE_SECONDS) ? kept : undefined);
  const stateNow = () => (isRecent(state.at, STATE_SECONDS[state.kind]) ? state.kind : 'idle');
  const stateEndsInMs = () => Math.max(0, state.at + STATE_SECONDS[state.kind] * 1000 - now());

  /** Keeps the newer set, because two refreshes may end in any order. */
  function keep(fetched: Fetched): void {
    if (fetched.fetchedAt <= now() && !(kept && usable() && kept.fetchedAt >= fetched.fetchedAt))
      kept = fetched;
  }

  /**
   * Fetches the set from the edge cache if its copy is not older than `notBefore`, otherwise from
   * the issuer. Never rejects.
   */
  async function fetchNewer(notBefore: number): Promise<State['kind']> {
    try {
      const cached = await edge.read();
      if (cached) keep(cached);
      const isEnough = (usable()?.fetchedAt ?? 0) >= notBefore;
      if (!isEnough) {
        const fetched = await fetchJwks(source.url, clock);
        keep(fetched);
        waitUntil(edge.write(fetched));
      }
      fault = undefined;
      return isEnough ? 'idle' : 'refreshed';
    } catch (thrown) {
      fault = messageOf(thrown);
      // While the kept set serves requests, no request fails. This line tells the operator of the
      // outage.
      console.warn(
        JSON.stringify({
          warning: 'key_set_not_refreshed',
          key_set: source.url.host,
          cause: fault,
        }),
      );
      return 'failed';
    }
  }

  /** Starts a refresh, unless a refresh is running or has just failed. */
  function startRefresh(notBefore: number): void {
    if (stateNow() === 'failed' || stateNow() === 'refreshing') return;
    const mine: State = { kind: 'refreshing', at: now() };
    state = mine;
    const settled = fetchNewer(notBefore).then((kind) => {
      // A refresh may settle after its state has ended. The state belongs to another refresh then.
      if (state === mine) state = { kind, at: now() };
    });
    waitUntil(settled);
  }

  /** Waits until the running refresh has ended, but at most `milliseconds`. */
  function waitForRefresh(milliseconds: number): Promise<void> {
    const awaited = state;
    return waitWhile(clock, milliseconds, () => state === awaited && stateNow() === 'refreshing');
  }

  function unavailable(): Failure {
    return new Failure(
      'keys_unavailable',
      "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
      { retryAfterSeconds: stateNow() === 'failed' ? Math.ceil(stateEndsInMs() / 1000) : 1 },
      { cause: `key set of ${source.url.host}: ${fault ?? 'not fetched in time'}` },
    );
  }

  return async function findRemoteKeys(alg, kid) {
    const asked = now();
    const find = () => findKeys(usable()?.keys ?? [], alg, kid);
    // Only a set that was fetched after the token arrived shows that a key is unknown: the issuer
    // may have published the key just before.
    const isDecided = () => find() !== 'unknown' || (usable()?.fetchedAt ?? 0) >= asked;
    /** A set that was fetched at this time or later needs no refresh. */
    const youngSince = asked - KEY_SET_REFRESH_SECONDS * 1000 + 1;

    if (usable() && !isYounger(KEY_SET_REFRESH_SECONDS)) {
      startRefresh(youngSince);
      if (!isYounger(KEY_SET_FRESH_SECONDS) && fault === undefined)
        await waitForRefresh(STALE_WAIT_MS);
    }
    // A second attempt is needed if the first refresh began before the token arrived, or if the
    // platform ended it.
    for (let attempt = 1; attempt <= 2 && !isDecided(); attempt += 1) {
      if (stateNow() === 'refreshed') await clock.sleep(stateEndsInMs());
      startRefresh(usable() ? asked : youngSince);
      await waitForRefresh(stateEndsInMs());
    }
    if (!isDecided()) throw unavailable();
    return find();
  };
}

const FETCHED_AT = 'x-fetched-at';

/**
 * Reads and writes the set in the edge cache. All Workers of a zone share the cache, and a Worker
 * that can write our entry can plant a key. So the name of the entry contains the id of the
 * deployed version, a random UUID that nobody outside the Cloudflare account learns. Without the
 * id, nothing is cached. A cache that fails costs speed, not correctness.
 */
function createEdgeCache({ url, version }: RemoteKeySource, clock: Clock) {
  const name = `https://key-set.invalid/${version}?url=${encodeURIComponent(url.href)}`;
  const inTime = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    version ? withTimeout(clock, EDGE_TIMEOUT_MS, work()).catch(() => undefined) : undefined;

  return {
    /** Returns undefined if there is no entry, or if the entry cannot be read. */
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
 * @throws {Error} The message tells what the issuer answered instead of a key set.
 */
async function fetchJwks(url: URL, clock: Clock): Promise<Fetched> {
  // The age of the set counts from the request: the response may lack what the issuer changed
  // since.
  const fetchedAt = clock.now().getTime();
  const controller = new AbortController();
  const json = await withTimeout(clock, ISSUER_TIMEOUT_MS, fetchJson(url, controller.signal), () =>
    controller.abort(),
  );
  return { json, keys: await readRemoteJwks(json), fetchedAt };
}

async function fetchJson(url: URL, signal: AbortSignal): Promise<string> {
  // The platform's own cache is not used, because its copies do not tell their age.
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
