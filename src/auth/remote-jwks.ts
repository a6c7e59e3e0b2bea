/**
 * The key set of an issuer as one isolate keeps it; README.md draws the states. A refresh belongs to the isolate and not
 * to the request that starts it: `waitUntil` keeps it going when that caller disconnects, and every request waits for it
 * with a timer of its own. The trade: a removed key verifies for KEY_SET_FRESH_SECONDS more, or for
 * KEY_SET_STALE_SECONDS while the issuer cannot be reached.
 */
import { waitUntil } from 'cloudflare:workers';
import { type Clock, withTimeout } from '../clock.ts';
import { Failure, messageOf } from '../failure.ts';
import type { RemoteKeySource } from '../settings.ts';
import { type Found, findKey } from './jwks.ts';
import { createEdgeCache, type Fetched, fetchJwks, KEY_SET_STALE_SECONDS } from './jwks-fetch.ts';

/** From this age on a set is refreshed in the background, so that in a steady stream of requests none waits. */
const KEY_SET_REFRESH_SECONDS = 540;
/** From this age on a set is used only after the refresh has had STALE_WAIT_MS, or has failed. */
const KEY_SET_FRESH_SECONDS = 600;
const STALE_WAIT_MS = 1000;

/**
 * How long each state lasts before it is `idle` again. `refreshing`: longer than a refresh can take; one that the platform
 * has ended would never settle. `refreshed`: a flood of unknown key ids reaches the issuer once in this time. `failed`: so
 * does a flood of requests during an outage.
 */
const STATE_SECONDS = { idle: 0, refreshing: 4, refreshed: 2, failed: 5 };

type State = {
  readonly kind: keyof typeof STATE_SECONDS;
  readonly at: number;
  readonly settled?: Promise<void>;
};

/** @throws {Failure} `keys_unavailable` where the issuer has not answered, and what is kept does not decide. */
export type FindKey = (alg: string, kid: string | undefined) => Promise<Found>;

export function createRemoteJwks(source: RemoteKeySource, clock: Clock): FindKey {
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

  /** From the edge cache if its copy is not older than `notBefore`, or else from the issuer. Never rejects. */
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
      // A request that the kept set still serves has no failure to log: an operator has to hear of the outage.
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

  /** The refresh that runs, or a new one; undefined right after a failure. */
  function refresh(notBefore: number): Promise<void> | undefined {
    if (stateNow() === 'failed') return undefined;
    if (stateNow() === 'refreshing') return state.settled;
    const settled = fetchNewer(notBefore).then((kind) => {
      // One that was given up may settle late: the state is another's by then.
      if (state === mine) state = { kind, at: now() };
    });
    const mine: State = { kind: 'refreshing', at: now(), settled };
    state = mine;
    waitUntil(settled);
    return settled;
  }

  const wait = (settled: Promise<void> | undefined, milliseconds: number) =>
    withTimeout(clock, milliseconds, Promise.resolve(settled)).catch(() => undefined);

  function unavailable(): Failure {
    return new Failure(
      'keys_unavailable',
      "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
      { retryAfterSeconds: stateNow() === 'failed' ? Math.ceil(stateEndsInMs() / 1000) : 1 },
      { cause: `key set of ${source.url.host}: ${fault ?? 'not fetched in time'}` },
    );
  }

  return async function findRemoteKey(alg, kid) {
    const asked = now();
    const find = () => findKey(usable()?.keys ?? [], alg, kid);
    // That a key is unknown, only a set can say which was asked for after the token came: the key may be that new.
    const isDecided = () => find() !== 'unknown' || (usable()?.fetchedAt ?? 0) >= asked;
    /** When the oldest set was fetched that needs no refresh. */
    const youngSince = asked - KEY_SET_REFRESH_SECONDS * 1000 + 1;

    if (usable() && !isYounger(KEY_SET_REFRESH_SECONDS)) {
      const settled = refresh(youngSince);
      if (!isYounger(KEY_SET_FRESH_SECONDS) && fault === undefined)
        await wait(settled, STALE_WAIT_MS);
    }
    // Twice: the first may have begun before the token came, or may have been ended by the platform.
    for (let attempt = 1; attempt <= 2 && !isDecided(); attempt += 1) {
      if (stateNow() === 'refreshed') await clock.sleep(stateEndsInMs());
      await wait(refresh(usable() ? asked : youngSince), stateEndsInMs());
    }
    if (!isDecided()) throw unavailable();
    return find();
  };
}
