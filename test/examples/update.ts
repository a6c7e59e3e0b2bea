// Reads an evaluation and stores a new value once. Needs Node 22.18, Deno or Bun:
//   TOKEN=<JWT> node update.ts https://<host>/v1/run/<run_id>/evaluation/<evaluation_id>
// If the program fails, it may still have stored the new value.

const RETRIES = 5;
const WAIT_MAX_SECONDS = 60;

type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** Repeats the request unchanged after a lost connection, a 429 or a status above 500. */
async function send(request: Request): Promise<Answer> {
  for (let retry = 0; ; retry += 1) {
    let wait = 2 ** retry;
    try {
      const response = await fetch(request.clone(), { signal: AbortSignal.timeout(30_000) });
      const { status, headers } = response;
      const answer = { status, headers, body: await response.text() };
      // A 500 is a bug in the Worker, so a retry does not help.
      if (status !== 429 && status <= 500) return answer;
      wait = Math.max(wait, Number(headers.get('retry-after')) || 0);
      if (retry === RETRIES || wait > WAIT_MAX_SECONDS) return answer;
    } catch (lost) {
      if (retry === RETRIES) throw lost;
    }
    // Spreads out the retries of many callers.
    await new Promise((resolve) => setTimeout(resolve, 1000 * (wait + Math.random())));
  }
}

export async function update(url: URL, token: string, decide: (now: number) => number) {
  const authorization = `Bearer ${token}`;
  let bookmark = '';
  for (let round = 0; round < 10; round += 1) {
    const read = { authorization, 'x-d1-bookmark': bookmark };
    const found = await send(new Request(url, { headers: read }));
    if (found.status !== 200) throw new Error(`${found.status} ${found.body}`);
    const etag = found.headers.get('etag');
    if (!etag) throw new Error('The response has no ETag, so an update would not be guarded.');
    const now: number = JSON.parse(found.body).value;
    const value = decide(now);
    if (value === now) return value;
    // All retries send this key, so the Worker stores the value once.
    const write = { 'if-match': etag, 'idempotency-key': crypto.randomUUID() };
    const headers = { authorization, 'content-type': 'application/json', ...write };
    const body = JSON.stringify({ value });
    const stored = await send(new Request(url, { method: 'PUT', headers, body }));
    if (stored.status === 200) return value;
    if (stored.status !== 412) throw new Error(`${stored.status} ${stored.body}`);
    // The next read sends the bookmark, so it sees the other caller's change.
    bookmark = stored.headers.get('x-d1-bookmark') ?? '';
  }
  throw new Error('Ten times somebody else was first.');
}

const [, , url = ''] = process.argv;
const addPoint = (now: number) => Math.min(now + 1, 10);
console.log(await update(new URL(url), process.env['TOKEN'] ?? '', addPoint));
