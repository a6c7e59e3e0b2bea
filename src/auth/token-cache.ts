/**
 * Keeps what an isolate has verified: access tokens and keys of links. Callers repeat them, and the
 * signature is the most expensive step of a request. Only a text whose signature verified may enter
 * the cache, so a stranger cannot fill it. The caller checks times and revocation on each request.
 */

/** The longest accepted token has 16 KiB, so the texts take at most 8 MiB of an isolate's 128 MiB. */
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
