/**
 * An example to copy: a judge model sends a score by webhook, and a reviewer corrects the score.
 * README.md has an example with curl (section "Links").
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWorker } from './worker.ts';

/**
 * Sends a request as your application, with its token. The judge and the reviewer have only links.
 */
async function call(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return read(
    await fetch(new URL(path, worker.url), {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
    }),
  );
}

/** Sends a score as the judge's service does. A repeated delivery has the same `id`. */
async function deliver(url: string, id: string, score: number): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'webhook-id': id };
  const body = JSON.stringify({
    type: 'output.judged',
    data: { model: 'judge-2', score, reason: 'Cites its sources.' },
  });
  return read(await fetch(url, { method: 'POST', headers, body }));
}

async function open(url: string): Promise<Page> {
  return readPage(await fetch(url, { headers: { accept: 'text/html' } }));
}

/** Submits the form of the page as the reviewer's browser does. */
async function answer(url: string, page: Page, value: string): Promise<Page> {
  const version = /name="version" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
  const form = new URLSearchParams({ version, value });
  return readPage(
    await fetch(url, { method: 'POST', headers: { accept: 'text/html' }, body: form }),
  );
}

it("a judge's repeated score does not undo a reviewer's correction, and the history has both replaced values", async () => {
  const run_id = crypto.randomUUID();
  const label = await call('POST', '/v1/evaluation-labels', RULE);
  const first = { evaluation_label_id: label.body.id, output_name: 'reply', value: 5 };
  const created = await call('POST', `/v1/run/${run_id}/evaluations`, first);
  const { id: evaluation_id, created_at } = created.body;
  const path = `/v1/run/${run_id}/evaluation/${evaluation_id}`;
  const judge = await call('POST', `${path}/links`, { name: 'judge', pointer: '/data/score' });
  const anna = await call('POST', `${path}/links`, { name: 'anna' });

  expect(created).toEqual({
    status: 201,
    body: { ...first, ...NEW, id: evaluation_id, run_id, created_at },
  });
  const linked = {
    id: expect.any(String),
    url: expect.any(String),
    expires_at: expect.any(String),
    run_id,
    evaluation_id,
  };
  const byJudge = { author: 'application/judge', pointer: '/data/score', values: {} };
  expect(judge).toEqual({ status: 201, body: { ...linked, ...byJudge } });
  const byAnna = { author: 'application/anna', pointer: '/value', values: {} };
  expect(anna).toEqual({ status: 201, body: { ...linked, ...byAnna } });

  const scored = await deliver(judge.body.url, 'msg_1', 9);

  expect(scored).toEqual({
    status: 200,
    body: {
      ...created.body,
      value: 9,
      updated_by: 'application/judge',
      updated_at: expect.stringMatching(TIME),
    },
  });

  const asked = await open(anna.body.url);

  expect(asked.status).toBe(200);
  expect(asked.text).toBe(
    `Answer quality Output reply Now 9 set by application/judge , … Your answer, from 1 to 10 Store Your answer is stored under the name application/anna . This link works until …. Run ${run_id}`,
  );

  const answered = await answer(anna.body.url, asked, '4');

  expect(answered.status).toBe(200);
  expect(answered.text).toBe(
    `Stored: 4 . Thank you. You can change it below. Answer quality Output reply Now 4 set by application/anna , … Your answer, from 1 to 10 Store Your answer is stored under the name application/anna . This link works until …. Run ${run_id}`,
  );
  const corrected = await call('GET', path);
  expect(corrected).toEqual({
    status: 200,
    body: {
      ...created.body,
      value: 4,
      updated_by: 'application/anna',
      updated_at: expect.stringMatching(TIME),
    },
  });

  const repeated = await deliver(judge.body.url, 'msg_1', 9);

  // The repeated delivery does not undo Anna's correction.
  expect(repeated).toEqual(scored);
  expect(await call('GET', path)).toEqual(corrected);

  const [scored_at, corrected_at] = [scored.body.updated_at, corrected.body.updated_at];
  expect(await call('GET', `${path}/history`)).toEqual({
    status: 200,
    body: [
      {
        evaluation_id,
        value: 9,
        updated_by: 'application/judge',
        updated_at: scored_at,
        replaced_by: 'application/anna',
        replaced_at: corrected_at,
      },
      {
        evaluation_id,
        value: 5,
        updated_by: 'application',
        updated_at: created_at,
        replaced_by: 'application/judge',
        replaced_at: scored_at,
      },
    ],
  });
});

const RULE = { name: 'Answer quality', value_type: 'continuous', min_value: 1, max_value: 10 };
const NEW = {
  account_id: 'acc_example',
  field_path: null,
  created_by: 'application',
  created_by_evaluator_id: null,
  updated_by: null,
};
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A response has only some of these fields. */
type Body = { [field in 'id' | 'run_id' | 'url' | 'created_at' | 'updated_at']: string };
type Answer = { readonly status: number; readonly body: Body };
type Page = { readonly status: number; readonly html: string; readonly text: string };

const read = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: (await response.json()) as Body,
});

/** Reads a page, with `…` in place of each `<time>`. */
async function readPage(response: Response): Promise<Page> {
  const html = await response.text();
  const [, main = ''] = html.split('<main>');
  const text = main
    .replaceAll(/<time.*?<\/time>/g, '…')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return { status: response.status, html, text };
}

// Only this test starts a Worker and mints a token. Your application uses a deployed Worker and an
// identity provider.
let worker: Awaited<ReturnType<typeof startWorker>>;
let token: string;

beforeAll(async () => {
  worker = await startWorker();
  token = await worker.mintTokenFor('application');
});

afterAll(() => worker.close());
