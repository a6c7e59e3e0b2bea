/** Runs a real OpenID provider on 127.0.0.1. A test can restart the provider with other keys. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import Provider, { type Configuration } from 'oidc-provider';
import { findFreePort } from '../setup/free-port.ts';

export const ACCOUNT = 'acc_of_the_provider';
export const AUDIENCE = 'https://run-evaluation.example';
const CLIENT = {
  client_id: 'judge',
  client_secret: 'a-secret-of-the-client-in-this-test-and-of-nothing-else',
};
/** The lifetime of a token. It is longer than any test moves the clock. */
const TOKEN_SECONDS = 24 * 60 * 60;

export const makeKey = (kid: string) => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  kid,
});

type Key = ReturnType<typeof makeKey>;

/** The provider publishes all of `keys` and signs tokens with the first key. */
const buildConfiguration = (keys: [Key, ...Key[]]): Configuration => ({
  jwks: { keys },
  clients: [
    { ...CLIENT, grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
  ],
  extraTokenClaims: () => ({ account_id: ACCOUNT }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({
        audience,
        scope: '',
        accessTokenFormat: 'jwt',
        accessTokenTTL: TOKEN_SECONDS,
        jwt: { sign: { alg: 'RS256', kid: keys[0].kid } },
      }),
    },
  },
});

type Metadata = { readonly issuer: string; readonly jwks_uri: string };
type Grant = { readonly access_token: string };

export async function createProvider() {
  const port = await findFreePort();
  const issuer = `http://127.0.0.1:${port}`;
  let server: Server | undefined;

  const fetchJson = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const response = await fetch(`${issuer}${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<T>;
  };

  async function stop(): Promise<void> {
    if (!server?.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    stop,
    async start(...keys: [Key, ...Key[]]): Promise<void> {
      await stop();
      server = new Provider(issuer, buildConfiguration(keys)).listen(port, '127.0.0.1');
      // Each connection gets one request only, because a restart would break a reused connection.
      server.maxRequestsPerSocket = 1;
      await once(server, 'listening');
    },
    async settings(): Promise<Record<string, string>> {
      const { issuer, jwks_uri } = await fetchJson<Metadata>('/.well-known/openid-configuration');
      return { JWT_ISSUER: issuer, JWT_JWKS_URL: jwks_uri, JWT_AUDIENCE: AUDIENCE };
    },
    async token(resource = AUDIENCE): Promise<string> {
      const grant = { ...CLIENT, grant_type: 'client_credentials', resource };
      const { access_token } = await fetchJson<Grant>('/token', {
        method: 'POST',
        body: new URLSearchParams(grant),
      });
      return access_token;
    },
  };
}
