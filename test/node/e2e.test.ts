/** Tests the built Worker as a client uses it: over HTTP, with a real local D1. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';
import { mintToken, SAMPLE } from '../../src/cli/mint.ts';
import { readSettings } from '../../src/settings.ts';
import { listMigrationStatements } from './migrations.ts';
import { read, readExample } from './pages.ts';

const JWT_SECRET = 'a-secret-of-the-end-to-end-suite-and-nothing-else';
const LINK_SECRET = 'a-secret-of-links-in-the-end-to-end-suite-alone';
const LABEL = '018f4d3a-0001-7000-8000-000000000001';

type Bindings = { readonly DB: { prepare: (sql: string) => { run: () => Promise<unknown> } } };

let server: ReturnType<typeof createTestHarness>;
let url: URL;
let token: string;

beforeAll(async () => {
  server = createTestHarness({
    workers: [{ configPath: 'wrangler.toml', secrets: { JWT_SECRET, LINK_SECRET } }],
  });
  ({ url } = await server.listen());
  const { DB } = await server.getWorker<Bindings>().getEnv();
  for (const statement of listMigrationStatements()) await DB.prepare(statement).run();
  token = await mintToken(readSettings({ JWT_SECRET }), {
    account: SAMPLE.account,
    subject: SAMPLE.subject,
    expires: '5m',
  });
  const label = { id: LABEL, name: 'tone', value_type: 'continuous', min_value: 1, max_value: 10 };
  const made = await send('/v1/evaluation-labels', { method: 'POST', body: JSON.stringify(label) });
  expect(made.status).toBe(201);
});

afterAll(() => server.close());

type Sent = { method?: string; headers?: Record<string, string>; body?: string | ReadableStream };

async function send(path: string, { headers = {}, ...init }: Sent = {}) {
  const all = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers };
  const response = await fetch(new URL(path, url), { ...init, headers: all, duplex: 'half' });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

const create = (run: string, value: number) =>
  send(`/v1/run/${run}/evaluations`, {
    method: 'POST',
    body: JSON.stringify({ evaluation_label_id: LABEL, value }),
  });

describe('the built Worker', () => {
  it('the built Worker creates, updates and reads an evaluation, refuses a stale update, and lists the replaced values', async () => {
    const run = crypto.randomUUID();
    const created = await create(run, 3);
    const path = created.headers.get('location') ?? '';
    const ifMatch = { 'if-match': created.headers.get('etag') ?? '' };

    const updated = await send(path, { method: 'PUT', body: '{"value":7}', headers: ifMatch });
    const late = await send(path, { method: 'PUT', body: '{"value":8}', headers: ifMatch });
    const posted = await send(path, { method: 'POST', body: '{"value":9}' });

    expect([created, updated, late, posted].map(({ status }) => status)).toEqual([
      201, 200, 412, 200,
    ]);
    expect((await send(path)).body).toEqual(posted.body);
    expect((await send(`/v1/run/${run}/evaluations`)).body).toEqual([posted.body]);
    const { body: history } = await send(`${path}/history`);
    expect(history.map(({ value }: { value: number }) => value)).toEqual([7, 3]);
  });

  it("the built Worker refuses a value outside the label's range, and names the range", async () => {
    const { status, body } = await create(crypto.randomUUID(), 11);

    expect({ status, body }).toEqual({
      status: 422,
      body: { error: 'value must be between 1 and 10.' },
    });
  });

  it("the built Worker makes the links of the README's example, each with a URL of at most 255 characters on workers.dev", async () => {
    const { headers } = await create(crypto.randomUUID(), 3);
    const bodies = [...readExample(read('README.md')).matchAll(/\$\(link '(.*?)'\)/g)];
    const lengths = [];
    for (const [, body = ''] of bodies) {
      const made = await send(`${headers.get('location')}/links`, { method: 'POST', body });
      const origin = `https://run-evaluation.${'x'.repeat(20)}.workers.dev`;
      lengths.push(made.body.url.replace(url.origin, origin).length);
    }

    expect(lengths).toHaveLength(2);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(255);
  });

  it.each([
    ['with a Content-Length', (text: string) => text],
    ['in chunks without a Content-Length', (text: string) => new Blob([text]).stream()],
  ])(
    'the built Worker accepts a body of 65,536 bytes and refuses a longer one, %s',
    async (_, makeBody) => {
      const path = (await create(crypto.randomUUID(), 3)).headers.get('location') ?? '';
      const text = (length: number) => `{"value":5,"pad":"${'x'.repeat(length - 20)}"}`;

      const [fits, tooLong] = [text(65_536), text(65_537)];
      expect(Buffer.byteLength(fits)).toBe(65_536);

      expect((await send(path, { method: 'PUT', body: makeBody(tooLong) })).status).toBe(413);
      expect((await send(path)).body).toMatchObject({ value: 3 });
      expect((await send(path, { method: 'PUT', body: makeBody(fits) })).status).toBe(200);
    },
  );
});

describe('the scripts of the page at /', () => {
  const get = (path: string, headers = {}) => fetch(new URL(path, url), { headers });

  it.each(['/reference.js', '/scalar.js'])(
    'Cloudflare serves %s without the Worker, and a browser revalidates its copy',
    async (path) => {
      const response = await get(path);
      const tag = response.headers.get('etag') ?? '';

      expect(response.status).toBe(200);
      expect((await response.text()).length).toBeGreaterThan(1000);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=0, must-revalidate',
        'x-content-type-options': 'nosniff',
      });
      expect(response.headers.has('x-request-id')).toBe(false);
      expect((await get(path, { 'if-none-match': tag })).status).toBe(304);
    },
  );

  it.each([
    '/health',
    '/openapi.json',
    '/v1/evaluation-labels',
    '/_headers',
    '/reference',
    '/scalar',
    '/scalar.js/',
    '/scalar.js.map',
    '/index.html',
    '/assets/scalar.js',
  ])('no static asset answers for %s', async (path) => {
    const response = await get(path);
    await response.body?.cancel();

    expect(response.headers.has('x-request-id')).toBe(true);
    expect(response.headers.get('content-type')).toBe('application/json');
  });
});
