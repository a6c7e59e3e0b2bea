/** Development tokens, signed with the secret in `.dev.vars` and shaped by its other settings. */
import { SignJWT } from 'jose';
import { UUID } from '../uuid.ts';
import type { DevVars } from './dev-vars.ts';

/** The account and the author of the sample data's first run. */
export const SAMPLE = {
  account: 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M',
  subject: 'user-123',
  run: '018f4d3c-0001-7000-8000-000000000001',
  evaluation: '018f4d3d-0001-7000-8000-000000000001',
};

export type TokenOptions = {
  readonly account: string;
  readonly subject: string;
  /** The one run, and the one evaluation, that the token opens. */
  readonly run?: string | undefined;
  readonly evaluation?: string | undefined;
  readonly scope?: string | undefined;
  /** A time span as jose reads it: `90s`, `15m`, `1h`, `30d`. */
  readonly expires: string;
};

/** @throws {Error} when there is no usable secret, or the time span cannot be read. */
export async function mintToken(vars: DevVars, options: TokenOptions): Promise<string> {
  const secret = new TextEncoder().encode(vars.JWT_SECRET);
  if (secret.byteLength < 32) {
    throw new Error(
      'JWT_SECRET in .dev.vars needs 32 bytes or more: delete the file and run `npm start`, which makes a new one.',
    );
  }
  if (!/^\d+ ?[smhdwy]/.test(options.expires)) {
    throw new Error(`--expires ${options.expires} is not a time span: write 90s, 15m, 1h or 30d.`);
  }
  const scope = options.scope ?? vars.JWT_REQUIRED_SCOPE;
  const token = new SignJWT({
    [vars.JWT_ACCOUNT_CLAIM || 'account_id']: options.account,
    sub: options.subject,
    ...restriction('run', 'run_id', options.run),
    ...restriction('evaluation', 'evaluation_id', options.evaluation),
    ...(scope ? { scope } : {}),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt();
  if (vars.JWT_ISSUER) token.setIssuer(vars.JWT_ISSUER);
  if (vars.JWT_AUDIENCE) token.setAudience(vars.JWT_AUDIENCE);
  return token.setExpirationTime(options.expires).sign(secret);
}

function restriction(option: string, claim: string, id: string | undefined) {
  if (id === undefined) return {};
  if (UUID.test(id)) return { [claim]: id };
  throw new Error(`--${option} ${id} is not a UUID.`);
}
