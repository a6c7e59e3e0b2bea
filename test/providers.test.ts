/**
 * Tests tokens of identity providers, with the settings in the table of src/auth/README.md. Each
 * token has the claims that the provider documents, with invented persons and tenants.
 */
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { makeInvalidToken } from './support/answers.ts';
import { createStillClock } from './support/clock.ts';
import { type Algorithm, type Header, type KeyPair, makeKeyPair } from './support/signer.ts';
import {
  buildPath,
  createWorker,
  expectRefusal,
  type Row,
  readEvaluation,
  request,
  type Send,
  seconds,
  storeEvaluation,
} from './support/worker.ts';

type Shape = {
  readonly alg?: Algorithm;
  readonly header?: Header;
  readonly claims: Record<string, unknown>;
  readonly account: string;
  readonly subject: string;
  /** Claims that make the token one for another API, client or tenant. */
  readonly foreign: Record<string, unknown>;
  readonly refusal: string;
};

const AUDIENCE = 'The token is meant for another audience.';
const ISSUER = 'The token comes from another issuer.';
const CLIENT = 'The token comes from another client.';

const API = 'https://evaluations.example';
const TENANT = '11111111-2222-4333-8444-555555555555';
const OTHER_TENANT = '66666666-7777-4888-8999-000000000000';
const APPLICATION = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const USER = '0f0f0f0f-1e1e-4d2d-8c3c-4b4b4b4b4b4b';

const auth0 = {
  iss: 'https://example.eu.auth0.com/',
  sub: 'auth0|0123456789abcdef01234567',
  aud: [API, 'https://example.eu.auth0.com/userinfo'],
  azp: 'exampleClient',
};

const entra = {
  iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  aud: APPLICATION,
  tid: TENANT,
  oid: USER,
  sub: 'pairwise-subject-of-this-application',
  azp: APPLICATION,
  azpacr: '0',
  rh: '0.example.',
  uti: 'example',
  ver: '2.0',
};

const keycloak = {
  iss: 'https://keycloak.example/realms/example',
  sub: USER,
  typ: 'Bearer',
  azp: 'web-app',
  sid: 'b0b0b0b0-0000-4000-8000-000000000000',
  acr: '1',
  realm_access: { roles: ['offline_access', 'uma_authorization'] },
  resource_access: { account: { roles: ['manage-account', 'view-profile'] } },
  scope: 'profile email evaluations:write',
  email_verified: true,
};

const clerk = {
  iss: 'https://clerk.example.com',
  azp: 'https://app.example.com',
  sid: 'sess_example',
  sub: 'user_example',
};

const access = {
  iss: 'https://example.cloudflareaccess.com',
  aud: ['32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228'],
  type: 'app',
};

/** Overrides each `typ`, so that the Worker must recognise an ID token by another claim. */
const ID_TOKEN = { header: { typ: 'JWT' }, claims: { typ: undefined } };

const PROVIDERS: Record<string, Shape> = {
  Auth0: {
    claims: { ...auth0, scope: 'openid profile evaluations:write', org_id: 'org_example' },
    account: 'org_example',
    subject: 'auth0|0123456789abcdef01234567',
    foreign: { aud: 'https://another-api.example' },
    refusal: AUDIENCE,
  },
  'Auth0 RBAC': {
    header: { typ: 'at+jwt' },
    claims: {
      ...auth0,
      scope: 'openid profile',
      permissions: ['evaluations:read', 'evaluations:write'],
      'https://example.com/account': 'acc_rbac',
    },
    account: 'acc_rbac',
    subject: 'auth0|0123456789abcdef01234567',
    foreign: { iss: 'https://another.eu.auth0.com/' },
    refusal: ISSUER,
  },
  'Entra, delegated': {
    claims: {
      ...entra,
      scp: 'Evaluations.Read Evaluations.Write',
      name: 'A. Reviewer',
      preferred_username: 'a@b.example',
    },
    account: TENANT,
    subject: USER,
    foreign: { aud: '00000003-0000-0000-c000-000000000000' },
    refusal: AUDIENCE,
  },
  'Entra, app-only': {
    claims: { ...entra, sub: USER, idtyp: 'app', roles: ['Evaluations.Write.All'] },
    account: TENANT,
    subject: USER,
    foreign: { iss: `https://sts.windows.net/${TENANT}/` },
    refusal: ISSUER,
  },
  'Entra, two tenants': {
    claims: {
      ...entra,
      iss: `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`,
      tid: OTHER_TENANT,
    },
    account: OTHER_TENANT,
    subject: USER,
    foreign: { iss: 'https://login.microsoftonline.com/99999999-9999-4999-8999-999999999999/v2.0' },
    refusal: ISSUER,
  },
  'Google service account': {
    claims: {
      iss: 'https://accounts.google.com',
      aud: API,
      azp: '100000000000000000001',
      sub: '100000000000000000001',
      email: 'judge@example-project.iam.gserviceaccount.com',
      email_verified: true,
      google: {
        compute_engine: {
          instance_id: '1000000000000000001',
          instance_name: 'judge',
          project_id: 'example-project',
          project_number: 1000000000001,
          zone: 'europe-west1-b',
        },
      },
    },
    account: 'example-project',
    subject: 'judge@example-project.iam.gserviceaccount.com',
    foreign: { google: { compute_engine: { project_id: 'project-of-somebody-else' } } },
    refusal: CLIENT,
  },
  Okta: {
    header: { typ: undefined },
    claims: {
      ver: 1,
      jti: 'AT.example',
      iss: 'https://example.okta.com/oauth2/default',
      aud: 'api://default',
      cid: 'exampleClient',
      uid: '00uexample',
      scp: ['openid', 'evaluations:write'],
      auth_time: 1_700_000_000,
      sub: 'reviewer@example.com',
      account_id: 'acc_okta',
    },
    account: 'acc_okta',
    subject: 'reviewer@example.com',
    foreign: { iss: 'https://example.okta.com', aud: 'https://example.okta.com' },
    refusal: ISSUER,
  },
  'GitHub Actions': {
    claims: {
      jti: 'example-id',
      iss: 'https://token.actions.githubusercontent.com',
      aud: API,
      sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      ref: 'refs/heads/main',
      sha: '0000000000000000000000000000000000000000',
      repository: 'octo-org/octo-repo',
      repository_id: '74',
      repository_owner: 'octo-org',
      repository_owner_id: '65',
      actor: 'octocat',
      run_id: '1234567890',
      run_number: '10',
      run_attempt: '2',
      event_name: 'workflow_dispatch',
      runner_environment: 'github-hosted',
    },
    account: 'octo-org',
    subject: 'repo:octo-org/octo-repo:ref:refs/heads/main',
    foreign: { repository_owner: 'octo-org', repository_owner_id: '66' },
    refusal: CLIENT,
  },
  Firebase: {
    claims: {
      iss: 'https://securetoken.google.com/example-project',
      aud: 'example-project',
      auth_time: 1_700_000_000,
      user_id: 'exampleUser',
      sub: 'exampleUser',
      email: 'reviewer@example.com',
      email_verified: true,
      firebase: { identities: { email: ['reviewer@example.com'] }, sign_in_provider: 'password' },
      account_id: 'acc_firebase',
    },
    account: 'acc_firebase',
    subject: 'exampleUser',
    foreign: { aud: 'another-project' },
    refusal: AUDIENCE,
  },
  Logto: {
    alg: 'ES384',
    header: { typ: 'at+jwt' },
    claims: {
      jti: 'example',
      sub: 'exampleuser1',
      iss: 'https://example.logto.app/oidc',
      aud: API,
      client_id: 'exampleclient',
      scope: 'evaluations:read evaluations:write',
      organization_id: 'exampleorg1',
    },
    account: 'exampleorg1',
    subject: 'exampleuser1',
    foreign: { aud: 'urn:logto:organization:exampleorg1' },
    refusal: AUDIENCE,
  },
  'Keycloak, audience mapper': {
    claims: { ...keycloak, aud: ['evaluations', 'account'], account_id: 'acc_keycloak' },
    account: 'acc_keycloak',
    subject: USER,
    foreign: { aud: 'account' },
    refusal: AUDIENCE,
  },
  'Keycloak, no audience mapper': {
    claims: { ...keycloak, aud: 'account', account_id: 4711 },
    account: '4711',
    subject: USER,
    foreign: { azp: 'another-client' },
    refusal: CLIENT,
  },
  'Keycloak before 24, nonce': {
    claims: {
      ...keycloak,
      aud: ['evaluations', 'account'],
      account_id: 'acc_keycloak',
      nonce: '7f0c1d5e-0000-4000-8000-000000000000',
      session_state: keycloak.sid,
    },
    account: 'acc_keycloak',
    subject: USER,
    foreign: { aud: 'account' },
    refusal: AUDIENCE,
  },
  'Keycloak, organization': {
    claims: { ...keycloak, aud: 'evaluations', organization: { acme: { id: USER } } },
    account: 'acme',
    subject: USER,
    foreign: { aud: 'account' },
    refusal: AUDIENCE,
  },
  'Clerk, session token v1': {
    claims: {
      ...clerk,
      org_id: 'org_example',
      org_role: 'org:admin',
      org_slug: 'example',
      org_permissions: [],
    },
    account: 'org_example',
    subject: 'user_example',
    foreign: { azp: 'https://app.example.com.attacker.example' },
    refusal: CLIENT,
  },
  'Clerk, session token v2': {
    claims: {
      ...clerk,
      v: 2,
      fva: [7, -1],
      sts: 'active',
      pla: 'u:free',
      o: { id: 'org_example', rol: 'admin', slg: 'example' },
    },
    account: 'org_example',
    subject: 'user_example',
    foreign: { azp: undefined },
    refusal: 'The token lacks the claim azp.',
  },
  'WorkOS AuthKit': {
    claims: {
      iss: 'https://api.workos.com/user_management/client_01EXAMPLE',
      sub: 'user_01EXAMPLE',
      sid: 'session_01EXAMPLE',
      jti: '01EXAMPLE',
      org_id: 'org_01EXAMPLE',
      role: 'member',
      roles: ['member'],
      permissions: ['evaluations:write'],
      entitlements: [],
    },
    account: 'org_01EXAMPLE',
    subject: 'user_01EXAMPLE',
    foreign: { iss: 'https://api.workos.com/user_management/client_02EXAMPLE' },
    refusal: ISSUER,
  },
  Cognito: {
    header: { typ: undefined },
    claims: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE',
      sub: USER,
      client_id: '1example23456789',
      token_use: 'access',
      scope: 'openid evaluations/write',
      'cognito:groups': ['reviewers'],
      origin_jti: USER,
      event_id: USER,
      jti: USER,
      auth_time: 1_700_000_000,
      username: 'reviewer',
      account_id: 'acc_cognito',
    },
    account: 'acc_cognito',
    subject: USER,
    foreign: { client_id: '9example87654321' },
    refusal: CLIENT,
  },
  Supabase: {
    alg: 'ES256',
    claims: {
      iss: 'https://example.supabase.co/auth/v1',
      aud: 'authenticated',
      sub: USER,
      role: 'authenticated',
      aal: 'aal1',
      amr: [{ method: 'password', timestamp: 1_700_000_000 }],
      session_id: USER,
      email: 'reviewer@example.com',
      phone: '',
      app_metadata: { provider: 'email', providers: ['email'], account_id: 'acc_supabase' },
      user_metadata: { account_id: 'acc_of_somebody_else' },
      is_anonymous: false,
    },
    account: 'acc_supabase',
    subject: USER,
    foreign: { aud: 'anon' },
    refusal: AUDIENCE,
  },
  'Cloudflare Access, user': {
    claims: {
      ...access,
      email: 'reviewer@example.com',
      identity_nonce: 'example',
      sub: USER,
      country: 'DE',
      custom: { account: 'acc_access' },
    },
    account: 'acc_access',
    subject: 'reviewer@example.com',
    foreign: { aud: ['0000000000000000000000000000000000000000000000000000000000000000'] },
    refusal: AUDIENCE,
  },
  'Cloudflare Access, service token': {
    claims: { ...access, common_name: '0123456789abcdef0123456789abcdef.access', sub: '' },
    account: '0123456789abcdef0123456789abcdef.access',
    subject: '0123456789abcdef0123456789abcdef.access',
    foreign: { aud: ['0000000000000000000000000000000000000000000000000000000000000000'] },
    refusal: AUDIENCE,
  },
  Kubernetes: {
    header: { typ: undefined },
    claims: {
      iss: 'https://kubernetes.default.svc.cluster.local',
      aud: [API],
      sub: 'system:serviceaccount:reviews:judge',
      'kubernetes.io': {
        namespace: 'reviews',
        node: { name: 'node-1', uid: USER },
        pod: { name: 'judge-0', uid: USER },
        serviceaccount: { name: 'judge', uid: USER },
        warnafter: 1_700_000_000,
      },
    },
    account: 'reviews',
    subject: 'system:serviceaccount:reviews:judge',
    foreign: { aud: ['https://kubernetes.default.svc.cluster.local'] },
    refusal: AUDIENCE,
  },
  Kinde: {
    header: { typ: 'JWT' },
    claims: {
      iss: 'https://example.kinde.com',
      aud: [],
      azp: '0123456789abcdef0123456789abcdef',
      sub: 'kp_0123456789abcdef0123456789abcdef',
      jti: USER,
      org_code: 'org_0123456789a',
      permissions: ['evaluations:write'],
      scp: ['openid', 'profile', 'email'],
    },
    account: 'org_0123456789a',
    subject: 'kp_0123456789abcdef0123456789abcdef',
    foreign: { azp: 'fedcba9876543210fedcba9876543210' },
    refusal: CLIENT,
  },
};

/** The settings in the table of src/auth/README.md, by the provider's name. */
const rows = Object.fromEntries(
  [...inject('authPage').matchAll(/^\| ([^|]+) \| (`JWT_JWKS_URL=[^|]+) \|/gm)].map(
    ([, provider = '', lines = '']) => [
      provider,
      Object.fromEntries(
        lines.split('<br>').map((line) => line.replaceAll('`', '').split(/=(.*)/)),
      ) as Partial<Env>,
    ],
  ),
);

const keys: Partial<Record<Algorithm, KeyPair>> = {};
beforeAll(async () => {
  for (const alg of ['RS256', 'ES256', 'ES384'] as const)
    keys[alg] = await makeKeyPair(alg, 'key-1');
});

const pickKey = ({ alg = 'RS256' }: Shape): KeyPair => {
  const key = keys[alg];
  if (!key) throw new Error(`no key for ${alg}`);
  return key;
};

const clock = createStillClock();

const mintTokenFor = (shape: Shape, changed: Record<string, unknown> = {}) => {
  const now = seconds(clock.now());
  const claims = { ...shape.claims, iat: now, nbf: now, exp: now + 300, ...changed };
  return pickKey(shape).sign(claims, { typ: 'JWT', ...shape.header });
};

function createProviderWorker(provider: string, shape: Shape, changed: Partial<Env> = {}): Send {
  const settings = { ...rows[provider], ...changed };
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    expect(String(input)).toBe(settings.JWT_JWKS_URL);
    return Response.json({ keys: [{ ...pickKey(shape).jwk, use: 'sig' }] });
  });
  // Without version metadata, the Worker does not store the key set in the edge cache, which
  // outlives a test.
  return createWorker({ JWT_SECRET: '', CF_VERSION_METADATA: undefined, ...settings }, clock);
}

async function put(provider: string, row: Row, token: string): Promise<Request> {
  const header = rows[provider]?.JWT_HEADER;
  const credentials =
    header === undefined
      ? { authorization: `Bearer ${token}` }
      : { authorization: null, [header]: token };
  return request(buildPath(row), { body: '{"value":9}', headers: credentials });
}

it('the tests have each row of the table in src/auth/README.md, and no other provider', () => {
  expect(Object.keys(rows)).toEqual(Object.keys(PROVIDERS));
});

describe.each(Object.entries(PROVIDERS))('%s, set up from its row,', (provider, shape) => {
  it('accepts a token of the provider, with its account and author', async () => {
    const row = await storeEvaluation({ account_id: shape.account });
    const send = createProviderWorker(provider, shape);

    const response = await send(await put(provider, row, await mintTokenFor(shape)));

    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 200,
      body: { ...row, value: 9, updated_by: shape.subject, updated_at: expect.any(String) },
    });
  });

  it('refuses a token of the provider for another API, from another client or of another tenant', async () => {
    const row = await storeEvaluation({ account_id: shape.account });
    const send = createProviderWorker(provider, shape);

    await expectRefusal(
      await send(await put(provider, row, await mintTokenFor(shape, shape.foreign))),
      makeInvalidToken(shape.refusal),
    );
    expect(await readEvaluation(row.id)).toEqual(row);
  });

  it.each([
    ['an ID token', { nonce: 'example' }, ID_TOKEN],
    ['an ID token of the code flow', { at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }, ID_TOKEN],
    ['an ID token of Cognito', { token_use: 'id' }, {}],
    ['an ID token of Keycloak', { typ: 'ID' }, {}],
    ['a refresh token of Keycloak', { typ: 'Refresh' }, {}],
  ])(
    'refuses a token of the provider with %s',
    async (_, changed, { claims = {}, header = {} }: Partial<Shape>) => {
      const row = await storeEvaluation({ account_id: shape.account });
      const send = createProviderWorker(provider, shape);
      const other = { ...shape, header: { ...shape.header, ...header } };

      await expectRefusal(
        await send(await put(provider, row, await mintTokenFor(other, { ...claims, ...changed }))),
        makeInvalidToken('The token is an ID or refresh token: send an access token.'),
      );
      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it('refuses a token of the provider without the required scope', async () => {
    const row = await storeEvaluation({ account_id: shape.account });
    const send = createProviderWorker(provider, shape, { JWT_REQUIRED_SCOPE: 'another:scope' });

    const response = await send(await put(provider, row, await mintTokenFor(shape)));

    expect(response.status).toBe(403);
    expect(await readEvaluation(row.id)).toEqual(row);
  });
});
