/**
 * The tokens that this isolate has verified, so that the signature of one that comes again, as those of webhook senders
 * and clients do for as long as they live, is not verified again: the dearest step of a request. What may change is
 * still asked each time: its times, and whether its key is still the one that is in use. Only verified tokens get in,
 * so a stranger cannot fill it.
 */
import type { Principal } from '../principal.ts';

/** At 8 KiB a token, the longest there is, 4 MiB of an isolate's 128. */
const TOKENS_MAX = 512;

export type Verified = {
  readonly principal: Principal;
  readonly alg: string;
  readonly kid: string | undefined;
  /** The key that verified the signature. */
  readonly key: CryptoKey;
  /** The claims `nbf` and `exp`, in seconds. */
  readonly notBefore: number;
  readonly expires: number;
};

export function createVerifiedTokens() {
  const kept = new Map<string, Verified>();
  return {
    get: (token: string): Verified | undefined => kept.get(token),
    keep: (token: string, verified: Verified): void => {
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size >= TOKENS_MAX && !kept.has(token)) kept.delete(oldest);
      kept.set(token, verified);
    },
  };
}
