/**
 * Tests the Worker with the tokens and keys of a real OpenID provider (oidc-provider), during
 * rotations and outages.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bundle, bundleWorker, type Isolate } from '../setup/workerd.ts';
import { ACCOUNT, createProvider, makeKey } from './provider.ts';

/** The age at which the Worker tries to replace a key set. */
const FRESH_SECONDS = 600;
/** The age at which the Worker stops using a key set. */
const STALE_SECONDS = 3600;
/** The shortest time between two fetches of the key set. */
const PAUSE_SECONDS = 5;

const [first, second] = [makeKey('key-1'), makeKey('key-2')];

let worker: Bundle;
beforeAll(async () => {
  worker = await bundleWorker('test/support/movable-clock.worker.ts');
});
afterAll(() => worker.remove());

let provider: Awaited<ReturnType<typeof createProvider>>;
let isolate: Isolate;
beforeEach(async () => {
  provider = await createProvider();
  await provider.start(first);
  isolate = await worker.start(await provider.settings());
});
afterEach(async () => {
  await isolate.stop();
  await provider.stop();
});

async function sendToken(token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${isolate.port}/v1/run/x/evaluation/y`, {
    headers,
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
    body: await response.json(),
  };
}

const advance = async (seconds: number) =>
  (
    await fetch(`http://127.0.0.1:${isolate.port}/test/advance?seconds=${seconds}`, {
      method: 'POST',
    })
  ).text();

/**
 * The response to a valid token. The Worker accepts the token, and then refuses the malformed path.
 */
const accepted = {
  status: 400,
  challenge: null,
  retryAfter: null,
  body: {
    error: 'The run_id in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.',
  },
};
const refused = (sentence: string) => ({
  status: 401,
  challenge: `Bearer error="invalid_token", error_description="${sentence}"`,
  retryAfter: null,
  body: { error: sentence },
});
const unknownKey = refused('The token is signed with a key that is not known here.');
const unavailable = {
  status: 503,
  challenge: null,
  retryAfter: expect.stringMatching(/^[1-5]$/),
  body: {
    error:
      "The token cannot be verified now, because its issuer's keys cannot be fetched: try again later.",
  },
};

describe('tokens of the provider', () => {
  it('accepts a token of the provider, for the account that the token names', async () => {
    expect(await sendToken(await provider.token())).toEqual(accepted);
    await expect
      .poll(() => isolate.logLines())
      .toMatchObject([{ account: ACCOUNT, key_id: 'key-1' }]);
  });

  it('refuses a token of the provider for another API', async () => {
    expect(await sendToken(await provider.token('https://other.example'))).toEqual(
      refused('The token is meant for another audience.'),
    );
  });
});

describe('a key rotation', () => {
  it('accepts new tokens immediately after a rotation, and old ones until the key set is too old', async () => {
    const old = await provider.token();
    expect(await sendToken(old)).toEqual(accepted);

    await provider.start(second, first);
    await advance(PAUSE_SECONDS);
    const fresh = await provider.token();
    expect([await sendToken(fresh), await sendToken(old)]).toEqual([accepted, accepted]);

    await provider.start(second);
    expect(await sendToken(old)).toEqual(accepted);
    await advance(FRESH_SECONDS);
    expect(await sendToken(fresh)).toEqual(accepted);
    await advance(PAUSE_SECONDS);
    expect([await sendToken(old), await sendToken(fresh)]).toEqual([unknownKey, accepted]);
  });

  it('accepts the new key and refuses the old one, even if the provider never publishes both together', async () => {
    const old = await provider.token();
    expect(await sendToken(old)).toEqual(accepted);

    await provider.start(second);
    await advance(PAUSE_SECONDS);

    expect(await sendToken(await provider.token())).toEqual(accepted);
    await advance(PAUSE_SECONDS);
    expect(await sendToken(old)).toEqual(unknownKey);
  });
});

describe('an outage of the provider', () => {
  it('accepts known keys for an hour of an outage, and otherwise responds 503 instead of 401', async () => {
    const known = await provider.token();
    expect(await sendToken(known)).toEqual(accepted);
    await provider.start(second, first);
    const unknown = await provider.token();
    await provider.stop();
    await advance(PAUSE_SECONDS);

    expect([await sendToken(unknown), await sendToken(known)]).toEqual([unavailable, accepted]);
    await advance(STALE_SECONDS - 10 * PAUSE_SECONDS);
    expect([await sendToken(unknown), await sendToken(known)]).toEqual([unavailable, accepted]);
    await advance(10 * PAUSE_SECONDS);
    expect([await sendToken(unknown), await sendToken(known)]).toEqual([unavailable, unavailable]);
  });

  it('accepts tokens of the provider’s new keys as soon as the provider is back', async () => {
    const old = await provider.token();
    await provider.stop();
    expect(await sendToken(old)).toEqual(unavailable);

    await provider.start(second);
    const fresh = await provider.token();
    await advance(PAUSE_SECONDS);

    expect(await sendToken(fresh)).toEqual(accepted);
    await advance(PAUSE_SECONDS);
    expect(await sendToken(old)).toEqual(unknownKey);
  });
});
