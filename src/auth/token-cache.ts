/**
 * Caches the access tokens and link keys whose signature an isolate has verified. A link key is the
 * signed text in a link's URL. Callers send the same token or link key many times, and verifying a
 * signature is the most expensive step of a request. Never add a text whose signature has not been
 * verified, because strangers could fill the cache with such texts.
 *
 * After a token is cached, it may expire. After a link key is cached, its link may be revoked. The
 * cache checks neither, so the code that uses the cache must check on each request.
 */

/** A token has at most 16 KiB, so the cached texts take at most 8 MiB of an isolate's 128 MiB. */
const TEXTS_MAX_COUNT = 512;

export type TokenCache<Verified> = {
  readonly get: (text: string) => Verified | undefined;
  readonly set: (text: string, verified: Verified) => void;
};

/** Creates a cache. If the cache is full, `set` first drops the entry that was added first. */
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
