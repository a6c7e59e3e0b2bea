/**
 * Mints the tokens of the soak. Authors often get new tokens, so that the Worker sees more tokens
 * than its cache can contain.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';

export const ACCOUNTS = Array.from({ length: 12 }, (_, index) => `acc_soak_${index + 1}`);
export const AUTHORS = [
  'user-1',
  'user-2',
  'user-3',
  'user-4',
  'user-5',
  'user-6',
  'user-7',
  'user-8',
] as const;

const USES_MAX = 25;

export type Tokens = {
  readonly getToken: (author: string, account: string) => Promise<string>;
  readonly hostile: Readonly<Record<'stranger' | 'expired' | 'forged' | 'confined', string>>;
};

export const createSecret = () => randomBytes(48).toString('base64url');

export async function createTokens(secret: string, seconds: number): Promise<Tokens> {
  const key = new TextEncoder().encode(secret);
  const expires = Math.floor(Date.now() / 1000) + seconds;
  const mint = (claims: Record<string, unknown>, exp = expires, signedWith = key) =>
    new SignJWT({ account_id: ACCOUNTS[0], sub: AUTHORS[0], jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setExpirationTime(exp)
      .sign(signedWith);

  const current = new Map<string, { token: Promise<string>; uses: number }>();
  return {
    getToken: (author, account) => {
      const name = `${account} ${author}`;
      const known = current.get(name);
      const used =
        known && known.uses < USES_MAX
          ? known
          : { token: mint({ account_id: account, sub: author }), uses: 0 };
      used.uses += 1;
      current.set(name, used);
      return used.token;
    },
    hostile: {
      stranger: await mint({ account_id: 'acc_stranger' }),
      expired: await mint({}, 1),
      forged: await mint({}, expires, randomBytes(48)),
      confined: await mint({ evaluation_id: randomUUID() }),
    },
  };
}
