/**
 * The key set of an issuer, kept per isolate and, in front of the issuer, in the edge cache, so that a new isolate
 * seldom reaches the issuer. The trade: a key that the issuer removes verifies for KEY_SET_FRESH_SECONDS more, or
 * KEY_SET_STALE_SECONDS where the issuer cannot be reached.
 */
import type { Clock } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import { type Found, findKey } from './jwks.ts';
import { type Fetched, fetchJwks, KEY_SET_STALE_SECONDS, readEdge, writeEdge } from './jwks-fetch.ts';

/** How old a set may be before the issuer is asked again. */
const KEY_SET_FRESH_SECONDS = 600;
/** A set this young is not asked for again on account of an unknown key id. */
const KEY_SET_NEW_SECONDS = 1;
/** How long a search for an unknown key id, or a failure while a set is at hand, keeps from the next question. */
const COOLDOWN_SECONDS = 30;
/** How long a failure keeps from the next question while there is no set at all. */
const RETRY_SECONDS = 5;
/** The longest that others leave the asking to the one that asks. */
const REFRESH_MAX_SECONDS = 4;
const POLL_MS = 10;

/** @throws {Failure} `keys_unavailable` where no set is young enough to be trusted. */
export type FindKey = (alg: string, kid: string | undefined) => Promise<Found>;

export function createRemoteJwks(url: URL, clock: Clock): FindKey {
  let kept: Fetched | undefined;
  let failure: { readonly at: number; readonly cause: string } | undefined;
  let searchedAt: number | undefined;
  // While one request asks, the others look again until it is done; none awaits another's promise, and the time
  // limit lets the next one in should the asking request be cut off.
  let refreshing: { readonly at: number } | undefined;

  const now = () => clock.now().getTime();
  /** Less than so long ago. A time in the future does not count: a clock may have been set back, or be another's. */
  const isRecent = (at: number | undefined, seconds: number) =>
    at !== undefined && now() >= at && now() - at < seconds * 1000;
  const isFresh = (seconds: number) => isRecent(kept?.fetchedAt, seconds);
  const usable = () => (isFresh(KEY_SET_STALE_SECONDS) ? kept : undefined);
  const pauseSeconds = () => (usable() ? COOLDOWN_SECONDS : RETRY_SECONDS);
  const isPausing = () => isRecent(failure?.at, pauseSeconds());
  const isRefreshing = () => isRecent(refreshing?.at, REFRESH_MAX_SECONDS);

  /** Keeps what is newer than what is kept; what two requests learn may arrive in any order. */
  function keep(fetched: Fetched): void {
    if (fetched.fetchedAt <= now() && !(kept && usable() && kept.fetchedAt >= fetched.fetchedAt)) kept = fetched;
  }

  async function ask(isEnough: () => boolean): Promise<void> {
    const mine = { at: now() };
    refreshing = mine;
    let fetched: Fetched | undefined;
    try {
      const cached = await readEdge(url, clock);
      if (cached) keep(cached);
      if (!isEnough()) {
        fetched = await fetchJwks(url, clock);
        keep(fetched);
      }
      failure = undefined;
    } catch (thrown) {
      failure = { at: now(), cause: messageOf(thrown) };
      // A request that the kept set still serves has no failure to log: an operator has to hear of the outage.
      console.warn(JSON.stringify({ warning: 'key_set_not_refreshed', key_set: url.host, cause: failure.cause }));
    } finally {
      if (refreshing === mine) refreshing = undefined;
    }
    if (fetched) await writeEdge(url, clock, fetched);
  }

  async function askUnless(isEnough: () => boolean, mayAsk: () => boolean): Promise<void> {
    // Not worth waiting for where the issuer is known to fail and there is a set to go on with.
    while (!isEnough() && isRefreshing() && !(failure && usable())) await clock.sleep(POLL_MS);
    if (!isEnough() && !isRefreshing() && !isPausing() && mayAsk()) await ask(isEnough);
  }

  function unavailable(): Failure {
    const pause = isPausing() && failure ? failure.at + pauseSeconds() * 1000 - now() : 0;
    const retryAfterSeconds = Math.max(1, Math.ceil(pause / 1000));
    const cause = `key set of ${url.host}: ${failure?.cause ?? 'not fetched'}`;
    return new Failure(
      'keys_unavailable',
      "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
      { retryAfterSeconds },
      { cause },
    );
  }

  return async function findIssuerKey(alg, kid) {
    const find = () => findKey(usable()?.keys ?? [], alg, kid);
    const isFound = () => find() !== 'unknown';
    const beginSearch = () => {
      if (isFresh(KEY_SET_NEW_SECONDS) || isRecent(searchedAt, COOLDOWN_SECONDS)) return false;
      searchedAt = now();
      return true;
    };
    await askUnless(
      () => isFresh(KEY_SET_FRESH_SECONDS),
      () => true,
    );
    if (!usable()) throw unavailable();
    await askUnless(isFound, beginSearch);
    // While the issuer is out of reach, nobody can say that the key is not one of its own.
    if (!isFound() && failure) throw unavailable();
    return find();
  };
}
