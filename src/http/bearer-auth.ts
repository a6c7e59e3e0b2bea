/**
 * Contains the middleware that authenticates requests by bearer token (RFC 6750 §2.1). No code may
 * parse the body or call D1 before the middleware has accepted the request.
 */
import type { MiddlewareHandler } from 'hono';
import type { VerifyToken } from '../auth/verifier.ts';
import { Failure } from '../failure.ts';
import { TOKEN_MAX_CHARS } from '../limits.ts';
import type { AppEnv, OpenConnection, Purpose } from './context.ts';
import type { RateLimiter } from './rate-limit.ts';

const SCHEME = 'bearer';

/**
 * Makes the middleware of one operation, which verifies the token and counts the request for the
 * rate limit. `operation` is the operationId, for the log.
 * @throws {Failure} `no_credentials`, `invalid_token`, `insufficient_scope`, `keys_unavailable`,
 * `misconfigured` or `rate_limited`.
 */
export type RequireAuth = (operation: string, purpose: Purpose) => MiddlewareHandler<AppEnv>;

export type Authentication = {
  readonly verify: VerifyToken;
  /** The header that contains only the token; undefined if the token comes in Authorization. */
  readonly tokenHeader: string | undefined;
};

type Dependencies = {
  readonly rateLimit: RateLimiter | undefined;
  readonly openConnection: OpenConnection;
};

/**
 * Returns a function that makes the middleware of an operation. No request awaits a promise of
 * another request, because the promise of a cancelled request never settles.
 */
export function bearerAuth(
  prepare: () => Promise<Authentication>,
  { rateLimit, openConnection }: Dependencies,
): RequireAuth {
  let authentication: Authentication | undefined;
  return (operation, purpose) =>
    async function bearerAuth(c, next) {
      const log = c.get('log');
      log.operation = operation;
      if (!authentication) {
        const prepared = await prepare();
        // If several requests call `prepare`, the first result wins, so all requests share one
        // token cache.
        authentication ??= prepared;
      }
      const { verify, tokenHeader } = authentication;
      const principal = await verify(
        tokenHeader === undefined
          ? readBearerToken(c.req.header('authorization'))
          : checkToken(c.req.header(tokenHeader), `${tokenHeader}: <JWT>`),
      );
      log.account = principal.account;
      log.key_id = principal.keyId;
      if (rateLimit) await rateLimit(principal, c.req.param());
      c.set('principal', principal);
      c.set('connection', openConnection(c, principal.account, purpose));
      await next();
    };
}

function readBearerToken(header = ''): string {
  // A stranger chooses this header, so the code reads it in linear time.
  const [scheme, rest] = [header.slice(0, SCHEME.length), header.slice(SCHEME.length)];
  // RFC 9110 §11.1: the scheme is case-insensitive.
  const isBearer = scheme.toLowerCase() === SCHEME && (rest === '' || rest.startsWith(' '));
  // The limit applies to the whole header, because a cached token keeps the whole header in memory.
  if (isBearer && header.length > SCHEME.length + 1 + TOKEN_MAX_CHARS) throw tokenIsTooLong();
  return checkToken(isBearer ? rest.replace(/^ +/, '') : undefined, 'Authorization: Bearer <JWT>');
}

function checkToken(token: string | undefined, header: string): string {
  if (token === undefined) throw new Failure('no_credentials', `Send the header ${header}.`);
  if (token.length > TOKEN_MAX_CHARS) throw tokenIsTooLong();
  return token;
}

const tokenIsTooLong = () =>
  new Failure('invalid_token', `The token is longer than ${TOKEN_MAX_CHARS} characters.`);
