/**
 * The key set of an issuer, fetched, cached and kept through outages. Kept per isolate and, in front of the issuer,
 * in the edge cache, so that a new isolate seldom reaches the issuer. The trade: a key that the issuer removes
 * verifies for KEY_SET_FRESH_SECONDS more, or KEY_SET_STALE_SECONDS where the issuer cannot be reached.
 */
import type { Clock } from '../clock';
import { Failure } from '../failure';
import { type Found, findKey, type KeySet, readKeySet } from './key-set';

/** How old a set may be before the issuer is asked again. */
export const KEY_SET_FRESH_SECONDS = 600;
/** How old a set may be while the issuer does not answer: longer than most outages, short enough for a removed key. */
export const KEY_SET_STALE_SECONDS = 3600;
/** How long an unknown key id, or a failed fetch while a set is at hand, keeps from asking again. */
const COOLDOWN_SECONDS = 30;
/** How long a failed fetch keeps from asking again while there is no set at all. */
const RETRY_SECONDS = 5;
const FETCH_TIMEOUT_MS = 3000;
const BODY_MAX_BYTES = 64 * 1024;
const POLL_MS = 10;

type Fetched = { readonly keys: KeySet; readonly fetchedAt: number };

/** @throws {Failure} `keys_unavailable` where no set is fresh enough to be trusted. */
export type FindKey = (alg: string, kid: string | undefined) => Promise<Found>;

export function issuerKeys(url: URL, clock: Clock): FindKey {
  const now = () => clock.now().getTime();
  let kept: Fetched | undefined;
  let failure: string | undefined;
  let askAgainAt = 0;
  // While one request asks, the others look again until it is done; none awaits another's promise, and the time
  // limit lets the next one in should the asking request be cut off.
  let askingUntil = 0;

  const usable = () => (kept && now() - kept.fetchedAt < KEY_SET_STALE_SECONDS * 1000 ? kept : undefined);

  /** Sees to it that the kept set is no older than asked for, as far as cooldown and issuer allow. */
  async function refresh(maxAgeSeconds: number): Promise<void> {
    const recent = (set: Fetched | undefined) => set !== undefined && now() - set.fetchedAt < maxAgeSeconds * 1000;
    while (!recent(kept) && now() < askingUntil) await clock.sleep(POLL_MS);
    if (recent(kept) || now() < askAgainAt) return;
    askingUntil = now() + FETCH_TIMEOUT_MS;
    try {
      const cached = await readEdge(url);
      if (cached && cached.fetchedAt > (kept?.fetchedAt ?? 0)) kept = cached;
      if (!recent(kept)) {
        kept = await askIssuer(url, clock);
        askAgainAt = now() + COOLDOWN_SECONDS * 1000;
      }
      failure = undefined;
    } catch (thrown) {
      failure = thrown instanceof Error ? thrown.message : String(thrown);
      // A request that the kept set still serves has no failure to log: an operator must hear of the outage all the same.
      console.warn(JSON.stringify({ warning: 'key_set_not_refreshed', key_set: url.href, cause: failure }));
      askAgainAt = now() + (usable() ? COOLDOWN_SECONDS : RETRY_SECONDS) * 1000;
    } finally {
      askingUntil = 0;
    }
  }

  function unavailable(): Failure {
    const retryAfterSeconds = Math.max(1, Math.ceil((askAgainAt - now()) / 1000));
    return new Failure(
      { kind: 'keys_unavailable', retryAfterSeconds },
      { cause: `key set ${url}: ${failure ?? 'not fetched'}` },
    );
  }

  return async function findIssuerKey(alg, kid) {
    await refresh(KEY_SET_FRESH_SECONDS);
    const set = usable();
    if (!set) throw unavailable();
    const found = findKey(set.keys, alg, kid);
    if (found !== 'unknown') return found;
    await refresh(COOLDOWN_SECONDS);
    const again = findKey(usable()?.keys ?? [], alg, kid);
    // While the issuer is out of reach, nobody can say that the key is not one of its own.
    if (again === 'unknown' && failure !== undefined) throw unavailable();
    return again;
  };
}

/** A key of our own, so that a copy that anything else put into the zone's cache is never taken for ours. */
const edgeKey = (url: URL) => `https://key-set.invalid/?url=${encodeURIComponent(url.href)}`;
const FETCHED_AT = 'x-fetched-at';

async function readEdge(url: URL): Promise<Fetched | undefined> {
  const response = await caches.default.match(edgeKey(url)).catch(() => undefined);
  if (!response) return undefined;
  return { keys: await readKeySet(await response.text()), fetchedAt: Number(response.headers.get(FETCHED_AT)) };
}

/** Asks the issuer, whose answer is not to be trusted before status, size and shape are checked. */
async function askIssuer(url: URL, clock: Clock): Promise<Fetched> {
  const json = await within(clock.timeout(FETCH_TIMEOUT_MS), async (signal) => {
    const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal });
    if (response.status !== 200) throw new Error(`answered ${response.status}`);
    return readText(response);
  });
  const fetchedAt = clock.now().getTime();
  const keys = await readKeySet(json);
  const headers = { 'cache-control': `max-age=${KEY_SET_STALE_SECONDS}`, [FETCHED_AT]: String(fetchedAt) };
  // A cache that does not work costs speed, not correctness.
  await caches.default.put(edgeKey(url), new Response(json, { headers })).catch(() => undefined);
  return { keys, fetchedAt };
}

/** Ends with the signal even where the work does not listen to it: a body that trickles, for instance. */
function within<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`did not answer within ${FETCH_TIMEOUT_MS} ms`)));
  });
  return Promise.race([work(signal), aborted]);
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let text = '';
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > BODY_MAX_BYTES) throw new Error(`answered more than ${BODY_MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
