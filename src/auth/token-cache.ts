/**
 * The tokens that this isolate has verified, so that the most expensive step of a request, the signature, is done once
 * per token: clients and webhook senders repeat theirs for as long as it lives. What can change is checked each time:
 * its times, and whether its key is still in use. Only verified tokens get in, so a stranger cannot fill it.
 */
import type { Principal } from '../principal.ts';

/** At 8 KiB a token, the longest that is accepted, 4 MiB of an isolate's 128. */
const TOKENS_MAX = 512;

export type VerifiedToken = {
  readonly principal: Principal;
  readonly alg: string;
  readonly kid: string | undefined;
  /** The key that verified the signature. */
  readonly key: CryptoKey;
  /** The claims `nbf` and `exp`, in seconds. */
  readonly notBefore: number;
  readonly expires: number;
};

export function createTokenCache() {
  const tokens = new Map<string, VerifiedToken>();
  return {
    get: (token: string): VerifiedToken | undefined => tokens.get(token),
    set: (token: string, verified: VerifiedToken): void => {
      const [oldest] = tokens.keys();
      if (oldest !== undefined && tokens.size >= TOKENS_MAX && !tokens.has(token))
        tokens.delete(oldest);
      tokens.set(token, verified);
    },
  };
}
