/**
 * The key set of an issuer, kept per isolate and, in front of the issuer, in the edge cache, so that a new isolate
 * seldom reaches the issuer. The trade: a key that the issuer removes verifies for KEY_SET_FRESH_SECONDS more, or
 * KEY_SET_STALE_SECONDS where the issuer cannot be reached.
 */
import type { Clock } from '../clock';
import { Failure } from '../failure';
import { type Found, findKey } from './key-set';
import { askIssuer, type Fetched, KEY_SET_STALE_SECONDS, readEdge, writeEdge } from './key-set-fetch';

/** How old a set may be before the issuer is asked again. */
const KEY_SET_FRESH_SECONDS = 600;
/** A set this young is not asked for again on account of an unknown key id. */
const KEY_SET_NEW_SECONDS = 1;
/** How long a search for an unknown key id, or a failure while a set is at hand, keeps from the next question. */
const COOLDOWN_SECONDS = 30;
/** How long a failure keeps from the next question while there is no set at all. */
const RETRY_SECONDS = 5;
/** The longest that others wait for the one that asks. */
const ASKING_MAX_MS = 4000;
const POLL_MS = 10;

/** @throws {Failure} `keys_unavailable` where no set is young enough to be trusted. */
export type FindKey = (alg: string, kid: string | undefined) => Promise<Found>;

export function issuerKeys(url: URL, clock: Clock): FindKey {
  let kept: Fetched | undefined;
  let failure: { readonly at: number; readonly cause: string } | undefined;
  let searchedAt = Number.NEGATIVE_INFINITY;
  // While one request asks, the others look again until it is done; none awaits another's promise, and the time
  // limit lets the next one in should the asking request be cut off.
  let askingUntil = 0;

  const now = () => clock.now().getTime();
  /** Kept, younger than that, and not from the future: a clock may have been set back. */
  const isYoung = (seconds: number) =>
    kept !== undefined && now() >= kept.fetchedAt && now() - kept.fetchedAt < seconds * 1000;
  const usable = () => (isYoung(KEY_SET_STALE_SECONDS) ? kept : undefined);
  const retryAt = () => (failure ? failure.at + (usable() ? COOLDOWN_SECONDS : RETRY_SECONDS) * 1000 : 0);
  /** Another request asks, which is worth waiting for unless the issuer is known to fail and a set is at hand. */
  const isWorthWaiting = () => now() < askingUntil && !(failure && usable());

  function keep(fetched: Fetched): void {
    if (!kept || fetched.fetchedAt > kept.fetchedAt || !isYoung(KEY_SET_STALE_SECONDS)) kept = fetched;
  }

  async function ask(isEnough: () => boolean): Promise<void> {
    const mine = now() + ASKING_MAX_MS;
    askingUntil = mine;
    try {
      const cached = await readEdge(url, clock);
      if (cached) keep(cached);
      if (!isEnough()) {
        const fetched = await askIssuer(url, clock);
        keep(fetched);
        await writeEdge(url, clock, fetched);
      }
      failure = undefined;
    } catch (thrown) {
      failure = { at: now(), cause: thrown instanceof Error ? thrown.message : String(thrown) };
      // A request that the kept set still serves has no failure to log: an operator must hear of the outage all the same.
      console.warn(JSON.stringify({ warning: 'key_set_not_refreshed', key_set: url.host, cause: failure.cause }));
    } finally {
      if (askingUntil === mine) askingUntil = 0;
    }
  }

  async function askUnless(isEnough: () => boolean, mayAsk: () => boolean): Promise<void> {
    while (!isEnough() && isWorthWaiting()) await clock.sleep(POLL_MS);
    if (!isEnough() && now() >= askingUntil && now() >= retryAt() && mayAsk()) await ask(isEnough);
  }

  function unavailable(): Failure {
    const retryAfterSeconds = Math.max(1, Math.ceil((retryAt() - now()) / 1000));
    const cause = `key set of ${url.host}: ${failure?.cause ?? 'not fetched'}`;
    return new Failure({ kind: 'keys_unavailable', retryAfterSeconds }, { cause });
  }

  return async function findIssuerKey(alg, kid) {
    const find = () => findKey(usable()?.keys ?? [], alg, kid);
    const isFound = () => find() !== 'unknown';
    const beginSearch = () => {
      if (isYoung(KEY_SET_NEW_SECONDS) || now() < searchedAt + COOLDOWN_SECONDS * 1000) return false;
      searchedAt = now();
      return true;
    };
    await askUnless(
      () => isYoung(KEY_SET_FRESH_SECONDS),
      () => true,
    );
    if (!usable()) throw unavailable();
    await askUnless(isFound, beginSearch);
    // While the issuer is out of reach, nobody can say that the key is not one of its own.
    if (!isFound() && failure) throw unavailable();
    return find();
  };
}
