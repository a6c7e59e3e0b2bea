/**
 * Caches the access tokens and link keys that an isolate has verified. Callers send them many
 * times, and verifying a signature is the most expensive step of a request. Add only texts whose
 * signature is verified, so that a stranger cannot fill the cache. The cache never checks times or
 * revocation: its users do, on each request.
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
