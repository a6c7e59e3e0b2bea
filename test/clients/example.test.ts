/** Runs the README's example (section "Use") with openapi-typescript and openapi-fetch. */
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SAMPLE } from '../../src/cli/mint.ts';
// document.test.ts generates `api.ts` and type-checks this file. This test runs without `api.ts`.
import type { paths } from './api.ts';
import { startWorker } from './worker.ts';

let worker: Awaited<ReturnType<typeof startWorker>>;
beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const LABEL = {
  id: '018f4d3a-0010-7000-8000-000000000010',
  name: 'Response Quality',
  value_type: 'continuous',
  min_value: 1,
  max_value: 10,
} as const;
const NEW = { id: '018f4d3d-0010-7000-8000-000000000010', evaluation_label_id: LABEL.id, value: 9 };
const EVALUATIONS = '/v1/run/{id}/evaluations';
const EVALUATION = '/v1/run/{run_id}/evaluation/{evaluation_id}';

const client = () =>
  createClient<paths>({
    baseUrl: worker.url.origin,
    headers: { authorization: `Bearer ${worker.token}` },
  });

function readPromisedStatuses(): number[] {
  const readme = readFileSync('README.md', 'utf8');
  const use = readme.slice(readme.indexOf('## Use'), readme.indexOf('## Operations'));
  return [...use.matchAll(/^# (\d{3}) /gm)].map(([, status]) => Number(status));
}

it('responds to a typed client with the statuses that the README promises, from the creation of a label to its archiving', async () => {
  const { GET, POST, PUT } = client();
  const run = { id: SAMPLE.run };
  const path = { run_id: SAMPLE.run, evaluation_id: NEW.id };

  const label = await POST('/v1/evaluation-labels', { body: LABEL });
  const created = await POST(EVALUATIONS, { params: { path: run }, body: NEW });
  const repeated = await POST(EVALUATIONS, { params: { path: run }, body: NEW });
  const page = await GET(EVALUATIONS, { params: { path: run, query: { limit: 2 } } });
  const got = await GET(EVALUATION, { params: { path } });
  const updated = await PUT(EVALUATION, { params: { path }, body: { value: 7.5 } });
  const header = { 'if-match': '"2026-11-01T09:00:00.000Z"' };
  const late = await PUT(EVALUATION, { params: { path, header }, body: { value: 7 } });
  const illegal = await PUT(EVALUATION, { params: { path }, body: { value: 11 } });
  const history = await GET(`${EVALUATION}/history`, { params: { path } });
  const archived = await PUT('/v1/evaluation-label/{id}', {
    params: { path: { id: LABEL.id } },
    body: { archived: true },
  });

  const all = [label, created, repeated, page, got, updated, late, illegal, history, archived];
  expect(all.map(({ response }) => response.status)).toEqual(readPromisedStatuses());
  const stored = {
    account_id: SAMPLE.account,
    created_by: SAMPLE.subject,
    created_at: expect.any(String),
  };
  const changed = { updated_by: SAMPLE.subject, updated_at: expect.any(String) };
  const labelNow = {
    ...LABEL,
    ...stored,
    description: null,
    categories: null,
    archived_at: null,
    updated_by: null,
  };
  const evaluationNow = {
    ...NEW,
    ...stored,
    run_id: SAMPLE.run,
    output_name: null,
    field_path: null,
    created_by_evaluator_id: null,
    updated_by: null,
  };
  expect(label.data).toEqual(labelNow);
  expect(created.data).toEqual(evaluationNow);
  expect([repeated.data, got.data]).toEqual([created.data, created.data]);
  expect(page.data?.map(({ id }) => id)).toEqual([
    SAMPLE.evaluation,
    '018f4d3d-0002-7000-8000-000000000002',
  ]);
  expect(updated.data).toEqual({ ...created.data, ...changed, value: 7.5 });
  expect(illegal.error?.error).toBe('value must be between 1 and 10.');
  expect(history.data?.map(({ value, replaced_at }) => ({ value, replaced_at }))).toEqual([
    { value: 9, replaced_at: updated.data?.updated_at },
  ]);
  expect(archived.data).toEqual({ ...label.data, ...changed, archived_at: expect.any(String) });
});

it('a value of the wrong type is a type error in a typed client, and gets 400 from the Worker', async () => {
  const params = { path: { run_id: SAMPLE.run, evaluation_id: SAMPLE.evaluation } };

  // @ts-expect-error: a value is a number.
  const { response, error } = await client().PUT(EVALUATION, { params, body: { value: '8' } });

  expect({ status: response.status, error }).toEqual({
    status: 400,
    error: { error: 'value must be a JSON number: send it without quotes.' },
  });
});
