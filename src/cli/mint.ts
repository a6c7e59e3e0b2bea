/** Makes development tokens that the local Worker accepts. */
import { SignJWT } from 'jose';
import { UUID } from '../limits.ts';
import type { ClaimSetting, Settings } from '../settings.ts';

export const SAMPLE = {
  account: 'acc_01HGK2V8N5XJVB8Q2Z3R4Y5T6M',
  subject: 'user-123',
  run: '018f4d3c-0001-7000-8000-000000000001',
  evaluation: '018f4d3d-0001-7000-8000-000000000001',
};

export type TokenOptions = {
  readonly account: string;
  readonly subject: string;
  readonly run?: string | undefined;
  readonly evaluation?: string | undefined;
  readonly scope?: string | undefined;
  /** A time span in the form that jose accepts: `90s`, `15m`, `1h` or `30d`. */
  readonly expires: string;
};

/**
 * Makes a signed token.
 * @throws {Error} if the settings have no secret, or if an option is wrong.
 */
export async function mintToken(settings: Settings, options: TokenOptions): Promise<string> {
  const { keys, issuers, audiences, clients, account, subject, run, requiredScope } = settings;
  if (keys.kind !== 'secret') {
    throw new Error(
      'Tokens come from your identity provider: .dev.vars names its key set, and nobody else can sign for it. A development token needs a JWT_SECRET instead.',
    );
  }
  if (!/^\d+ ?[smhdwy]/.test(options.expires)) {
    throw new Error(`--expires ${options.expires} is not a time span: write 90s, 15m, 1h or 30d.`);
  }
  const claims: Claims = {};
  const scope = options.scope ?? requiredScope;
  if (scope) claims['scope'] = scope;
  if (clients) setClaim(claims, clients.claim, clients.accepted[0]);
  if (options.run !== undefined) setClaim(claims, run, requireUuid('run', options.run));
  if (options.evaluation !== undefined)
    claims['evaluation_id'] = requireUuid('evaluation', options.evaluation);
  // The account and the subject replace a value that an earlier setting gave to the same claim.
  setClaim(claims, account, options.account);
  setClaim(claims, subject, options.subject);
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
  const [issuer] = issuers;
  const [audience] = audiences;
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  // jose reads the clock again. If a new second has begun, the token would be valid for a second
  // too long.
  let issued: number;
  do {
    issued = seconds();
    token.setIssuedAt(issued).setExpirationTime(options.expires);
  } while (seconds() !== issued);
  return token.sign(keys.secret);
}

const seconds = () => Math.floor(Date.now() / 1000);

type Claims = { [claim: string]: unknown };

/** Sets the claim that a setting names, which may be nested: `/app_metadata/account_id`. */
function setClaim(claims: Claims, { steps }: ClaimSetting, value: unknown): void {
  const [last = '', ...outer] = steps.toReversed();
  let object = claims;
  for (const step of outer.toReversed()) {
    const inner = object[step];
    const next: Claims = typeof inner === 'object' && inner !== null ? { ...inner } : {};
    object[step] = next;
    object = next;
  }
  object[last] = value;
}

function requireUuid(option: string, id: string): string {
  if (UUID.test(id)) return id;
  throw new Error(`--${option} ${id} is not a UUID.`);
}
