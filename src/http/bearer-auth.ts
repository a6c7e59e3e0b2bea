/**
 * The bearer door (RFC 6750 §2.1): the Authorization header and nothing else; not a query parameter, not a
 * form field. Behind it a handler finds a principal; in front of it nothing is parsed and nothing is asked of D1.
 */
import type { MiddlewareHandler } from 'hono';
import { NOT_A_JWT, type VerifyToken } from '../auth/verifier.ts';
import { Failure } from '../failure.ts';
import type { AppEnv } from './context.ts';
import type { Admit } from './rate-limit.ts';

const SCHEME = 'bearer';
const TOKEN_MAX_CHARS = 8 * 1024;

/**
 * A non-empty part in base64url as RFC 4648 §3.5 has it: no padding, no white space, no stray bits in the last
 * character. jose's decoder lets all three pass, and then several texts would be one and the same token.
 */
const PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const COMPACT_JWS = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);

/** The door of one operation, by its operationId: lets a request in with its principal, or throws. */
export type Protect = (operation: string) => MiddlewareHandler<AppEnv>;

/**
 * `prepare` is asked by the first request and its result kept for the isolate: the verifier, not the promise of
 * it, because a request must never await what another request has started. While it throws, no one gets in.
 */
export function bearerAuth(prepare: () => Promise<VerifyToken>, admit: Admit | undefined): Protect {
  let verify: VerifyToken | undefined;
  return (operation) =>
    async function bearerAuth(c, next) {
      const log = c.get('log');
      log.operation = operation;
      if (!verify) {
        const prepared = await prepare();
        // The first one stays, so that requests that came together share what it remembers.
        verify ??= prepared;
      }
      const principal = await verify(tokenOf(c.req.header('authorization')));
      c.set('principal', principal);
      log.account = principal.account;
      log.key_id = principal.keyId;
      if (admit) await admit(principal);
      await next();
    };
}

function tokenOf(header = ''): string {
  // By hand and not by a pattern: whatever a stranger sends must be judged in linear time.
  const [scheme, rest] = [header.slice(0, SCHEME.length), header.slice(SCHEME.length)];
  // RFC 9110 §11.1: the scheme is matched without regard to case.
  if (scheme.toLowerCase() !== SCHEME || (rest !== '' && !rest.startsWith(' '))) {
    throw new Failure({ kind: 'no_credentials' });
  }
  const token = rest.replace(/^ +/, '');
  // The header and not the token, which as a part of it would keep all of it in memory (verified.ts).
  if (header.length > SCHEME.length + 1 + TOKEN_MAX_CHARS) {
    throw new Failure({ kind: 'invalid_token', error: `The token is longer than ${TOKEN_MAX_CHARS} characters.` });
  }
  if (!COMPACT_JWS.test(token)) throw new Failure({ kind: 'invalid_token', error: NOT_A_JWT });
  return token;
}
