/**
 * Bearer authentication (RFC 6750 §2.1): one header and nothing else, Authorization unless the deployment names another; not
 * a query parameter, not a form field. A handler behind it has a principal; before it nothing is parsed and D1 is not asked.
 */
import type { MiddlewareHandler } from 'hono';
import { NOT_A_JWT, type VerifyToken } from '../auth/verifier.ts';
import { Failure } from '../failure.ts';
import { TOKEN_MAX_CHARS } from '../limits.ts';
import type { AppEnv } from './context.ts';
import type { RateLimiter } from './rate-limit.ts';

const SCHEME = 'bearer';

/**
 * A non-empty part in base64url as RFC 4648 §3.5 has it: no padding, no white space, no stray bits in the last
 * character. jose's decoder lets all three pass, and then several texts would be one and the same token.
 */
const PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const COMPACT_JWS = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);

export const isCompactJws = (text: string) => COMPACT_JWS.test(text);

/** Middleware for one operation, named by its operationId: sets the principal, or throws. */
export type RequireAuth = (operation: string) => MiddlewareHandler<AppEnv>;

/** `tokenHeader` is the header that holds the token and nothing else; undefined where it is Authorization. */
export type Authentication = {
  readonly verify: VerifyToken;
  readonly tokenHeader: string | undefined;
};

/**
 * `prepare` is called by the first request and its result kept for the isolate: the result and not its promise, which
 * would never settle should that request be cancelled. While it throws, every request is refused.
 */
export function bearerAuth(
  prepare: () => Promise<Authentication>,
  rateLimit: RateLimiter | undefined,
): RequireAuth {
  let authentication: Authentication | undefined;
  return (operation) =>
    async function bearerAuth(c, next) {
      const log = c.get('log');
      log.operation = operation;
      if (!authentication) {
        const prepared = await prepare();
        // The first one stays, so that simultaneous requests share its token cache.
        authentication ??= prepared;
      }
      const { verify, tokenHeader } = authentication;
      const principal = await verify(
        tokenHeader === undefined
          ? bearerTokenOf(c.req.header('authorization'))
          : tokenOf(c.req.header(tokenHeader), `${tokenHeader}: <JWT>`),
      );
      c.set('principal', principal);
      log.account = principal.account;
      log.key_id = principal.keyId;
      if (rateLimit) await rateLimit(principal, c.req.param());
      await next();
    };
}

function bearerTokenOf(header = ''): string {
  // By hand and not by a pattern: whatever a stranger sends must be checked in linear time.
  const [scheme, rest] = [header.slice(0, SCHEME.length), header.slice(SCHEME.length)];
  // RFC 9110 §11.1: the scheme is matched without regard to case.
  const isBearer = scheme.toLowerCase() === SCHEME && (rest === '' || rest.startsWith(' '));
  // The header and not the token: a token cut out of it would keep all of it in memory (auth/verifier.ts).
  if (isBearer && header.length > SCHEME.length + 1 + TOKEN_MAX_CHARS) throw tooLong();
  return tokenOf(isBearer ? rest.replace(/^ +/, '') : undefined, 'Authorization: Bearer <JWT>');
}

function tokenOf(token: string | undefined, header: string): string {
  if (token === undefined) throw new Failure('no_credentials', `Send the header ${header}.`);
  if (token.length > TOKEN_MAX_CHARS) throw tooLong();
  if (!isCompactJws(token)) throw new Failure('invalid_token', NOT_A_JWT);
  return token;
}

const tooLong = () =>
  new Failure('invalid_token', `The token is longer than ${TOKEN_MAX_CHARS} characters.`);
