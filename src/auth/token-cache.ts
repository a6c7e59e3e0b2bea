/**
 * Caches access tokens and link keys after the isolate has verified their signatures. Never add an
 * unverified text: strangers could fill the cache. The code that uses the cache must check expiry
 * and revocation on each request.
 */

/** A token has at most 16 KiB, so the cached texts take at most 8 MiB of an isolate's 128 MiB. */
const TEXTS_MAX_COUNT = 512;

export type TokenCache<Verified> = {
  readonly get: (text: string) => Verified | undefined;
  readonly set: (text: string, verified: Verified) => void;
};

/** Creates a cache that drops its oldest entry when it is full. */
export function createTokenCache<Verified>(): TokenCache<Verified> {
  const entries = new Map<string, Verified>();
  return {
    get: (text) => entries.get(text),
    set: (text, verified) => {
      const [oldest] = entries.keys();
      if (oldest !== undefined && entries.size >= TEXTS_MAX_COUNT && !entries.has(text))
        entries.delete(oldest);
      entries.set(text, verified);
    },
  };
}
