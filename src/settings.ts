/**
 * The settings of a deployment, read and checked once per isolate. A fault is thrown as a fact and fails
 * closed: every protected request answers 500 and the log says what to mend. A blank setting counts as not set.
 */
import { Failure } from './failure';

/** RFC 7518 §3.2: an HS256 key has at least as many bits as the hash. */
const SECRET_MIN_BYTES = 32;

export type Settings = {
  readonly secret: Uint8Array;
  /** The claim that holds the account, for instance `account_id` or `https://example.com/account`. */
  readonly accountClaim: string;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
};

/** @throws {Failure} `misconfigured`, naming the setting and the command that mends it. */
export function readSettings(env: Partial<Env>): Settings {
  const secret = new TextEncoder().encode(env.JWT_SECRET ?? '');
  if (secret.byteLength < SECRET_MIN_BYTES) {
    throw new Failure({
      kind: 'misconfigured',
      fault: `JWT_SECRET holds ${secret.byteLength} bytes and needs ${SECRET_MIN_BYTES} or more: run \`openssl rand -base64 48 | npx wrangler secret put JWT_SECRET\`, or \`npm start\` for a local one`,
    });
  }
  return {
    secret,
    accountClaim: set(env.JWT_ACCOUNT_CLAIM) ?? 'account_id',
    issuer: set(env.JWT_ISSUER),
    audience: set(env.JWT_AUDIENCE),
  };
}

const set = (setting: string | undefined) => setting?.trim() || undefined;
