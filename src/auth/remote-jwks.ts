/**
 * The key set of an issuer as one isolate keeps it; README.md draws the states. A refresh belongs
 * to the isolate and not to the request that starts it: `waitUntil` keeps it going when that caller
 * disconnects, and every request waits for it with timers of its own. The trade: a removed key
 * verifies for KEY_SET_FRESH_SECONDS more, or for KEY_SET_STALE_SECONDS while the issuer cannot be
 * reached. The issuer is not trusted before status, size and shape of its answer are checked, and
 * neither the issuer nor the edge cache may hold a request up for longer than its time.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, waitWhile, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type Found, findKeys, type KeySet, readRemoteJwks } from './jwks.ts';

/** A set this old is not used: longer than most outages, and short enough for a removed key. */
const KEY_SET_STALE_SECONDS = 3600;
/**
 * From this age on a set is refreshed in the background, so that in a steady stream of requests
 * none waits.
 */
const KEY_SET_REFRESH_SECONDS = 540;
/** From this age on a set is used only after the refresh has had STALE_WAIT_MS, or has failed. */
const KEY_SET_FRESH_SECONDS = 600;
const STALE_WAIT_MS = 1000;

/**
 * How long each state lasts before it is `idle` again. `refreshing`: longer than a refresh can
 * take; one that the platform has ended would never settle. `refreshed`: a flood of unknown key ids
 * reaches the issuer once in this time. `failed`: so does a flood of requests during an outage.
 */
const STATE_SECONDS = { idle: 0, refreshing: 4, refreshed: 2, failed: 5 };

const ISSUER_TIMEOUT_MS = 3000;
const EDGE_TIMEOUT_MS = 500;
const KEY_SET_MAX_BYTES = 64 * 1024;

type Fetched = { readonly json: string; readonly keys: KeySet; readonly fetchedAt: number };

type State = {
  readonly kind: keyof typeof STATE_SECONDS;
  readonly at: number;
};

/**
 * @throws {Failure} `keys_unavailable` where the issuer has not answered, and what is kept does not
 * decide.
 */
export type FindKeys = (alg: string, kid: string | undefined) => Promise<Found>;

export function createRemoteJwks(source: RemoteKeySource, clock: Clock): FindKeys {
  const edge = createEdgeCache(source, clock);
  let kept: Fetched | undefined;
  let state: State = { kind: 'idle', at: 0 };
  /** Why the last refresh failed; undefined after one that did not. */
  let fault: string | undefined;

  const now = () => clock.now().getTime();
  /** A time in the future does not count: a clock may have been set back, or be another's. */
  const isRecent = (at: number, seconds: number) => now() >= at && now() - at < seconds * 1000;
  const isYounger = (seconds: number) => kept !== undefined && isRecent(kept.fetchedAt, seconds);
  const usable = () => (isYounger(KEY_SET_STALE_SECONDS) ? kept : undefined);
  const stateNow = () => (isRecent(state.at, STATE_SECONDS[state.kind]) ? state.kind : 'idle');
  const stateEndsInMs = () => Math.max(0, state.at + STATE_SECONDS[state.kind] * 1000 - now());

  /** Keeps the newer one: what two refreshes learn may arrive in any order. */
  function keep(fetched: Fetched): void {
    if (fetched.fetchedAt <= now() && !(kept && usable() && kept.fetchedAt >= fetched.fetchedAt))
      kept = fetched;
  }

  /**
   * From the edge cache if its copy is not older than `notBefore`, or else from the issuer. Never
   * rejects.
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
      // A request that the kept set still serves has no failure to log: an operator has to hear of
      // the outage.
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

  /** Starts a refresh, unless one is running or the last one has just failed. */
  function startRefresh(notBefore: number): void {
    if (stateNow() === 'failed' || stateNow() === 'refreshing') return;
    const mine: State = { kind: 'refreshing', at: now() };
    state = mine;
    const settled = fetchNewer(notBefore).then((kind) => {
      // A refresh that was given up may settle late: the state belongs to another refresh by then.
      if (state === mine) state = { kind, at: now() };
    });
    waitUntil(settled);
  }

  /** Waits until the refresh that is running has ended, for so long at most. */
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
    // That a key is unknown, only a set can say which was asked for after the token came: the key
    // may be that new.
    const isDecided = () => find() !== 'unknown' || (usable()?.fetchedAt ?? 0) >= asked;
    /** When the oldest set was fetched that needs no refresh. */
    const youngSince = asked - KEY_SET_REFRESH_SECONDS * 1000 + 1;

    if (usable() && !isYounger(KEY_SET_REFRESH_SECONDS)) {
      startRefresh(youngSince);
      if (!isYounger(KEY_SET_FRESH_SECONDS) && fault === undefined)
        await waitForRefresh(STALE_WAIT_MS);
    }
    // Twice: the first may have begun before the token came, or may have been ended by the
    // platform.
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
 * The set in the edge cache. All Workers of a zone share the cache, and a Worker that writes our
 * entry plants a key. So the name of the entry contains the id of the deployed version, a random
 * UUID that nobody outside the account learns. Without the id nothing is cached. A cache that does
 * not work costs speed, not correctness.
 */
function createEdgeCache({ url, version }: RemoteKeySource, clock: Clock) {
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
async function fetchJwks(url: URL, clock: Clock): Promise<Fetched> {
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
