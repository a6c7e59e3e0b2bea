/**
 * Tests requests like those that other products handled wrongly. `source` lists the public reports
 * of a case. Personal details are invented, and no text is copied.
 */
import { expect, it } from 'vitest';
import { createLinkTo, visit } from './support/links.ts';
import { readEvaluation, requirePresent, storeLabelled, worker } from './support/worker.ts';

type Step = {
  /** A name in `links`; undefined if the case has a single link. */
  readonly to?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body: unknown;
};

type Case = {
  readonly name: string;
  readonly source: readonly string[];
  readonly label: object;
  readonly links: { readonly [name: string]: object };
  readonly steps: readonly Step[];
  readonly right: { readonly status: number; readonly stored: number };
};

const JSON_TYPE = { 'content-type': 'application/json' };
const makeRuleUpTo = (max_value: number) => ({ value_type: 'continuous', min_value: 0, max_value });

const delivery = { id: 'evt_made_up_1', data: { object: { score: 9 } } };
const annotation = (task: number, choice: string) => ({
  action: 'ANNOTATION_CREATED',
  annotation: {
    task,
    result: [{ type: 'choices', from_name: 'verdict', value: { choices: [choice] } }],
  },
});
const transcript = Array.from({ length: 5600 }, (_, at) => ({
  word: 'answer',
  start: at / 3,
  end: at / 3 + 0.3,
}));

const CASES: readonly Case[] = [
  {
    name: 'a redelivery that the body names does not undo a correction',
    source: ['modelcontextprotocol/experimental-ext-triggers-events#1', 'documenso/documenso#3204'],
    label: makeRuleUpTo(10),
    links: {
      judge: { name: 'judge', pointer: '/data/object/score', delivery: '/id' },
      anna: { name: 'anna' },
    },
    steps: [
      { to: 'judge', body: delivery },
      { to: 'anna', body: { value: 4 } },
      { to: 'judge', body: delivery },
    ],
    right: { status: 200, stored: 4 },
  },
  {
    name: 'the answer to the next question is not stored for a question that was skipped',
    source: ['https://developers.typeform.com/webhooks/example-payload'],
    label: makeRuleUpTo(10),
    links: { form: { path: "$.form_response.answers[?@.field.ref=='usefulness'].number" } },
    steps: [
      {
        body: {
          event_type: 'form_response',
          form_response: {
            definition: { fields: [{ ref: 'usefulness' }, { ref: 'stars' }] },
            answers: [{ type: 'number', number: 3, field: { ref: 'stars', type: 'rating' } }],
          },
        },
      },
    ],
    right: { status: 422, stored: 0 },
  },
  {
    name: 'the next item of a project does not overwrite this one',
    source: [
      'kestra-io/kestra#2267',
      'ansible/awx#5323',
      'plankanban/planka#1650',
      'nocodb/nocodb#11178',
    ],
    label: { value_type: 'ordinal', categories: '["Bad","Neutral","Good"]' },
    links: {
      project: {
        pointer: '/annotation/result/0/value/choices/0',
        values: { Bad: 0, Neutral: 1, Good: 2 },
        where: { '/annotation/task': 119 },
      },
    },
    steps: [{ body: annotation(119, 'Good') }, { body: annotation(120, 'Bad') }],
    right: { status: 204, stored: 2 },
  },
  {
    name: 'a number that arrives as a text is that number',
    source: [
      'comet-ml/opik#7758',
      'ARTPARK-SAHAI-ORG/calibrate#162',
      'promptfoo/promptfoo#3036',
      'glific/glific#2606',
    ],
    label: makeRuleUpTo(1),
    links: { judge: { pointer: '/score' } },
    steps: [{ body: { score: '0.82' } }],
    right: { status: 200, stored: 0.82 },
  },
  {
    name: 'a form with payload=<JSON> is that JSON',
    source: ['slackapi/node-slack-sdk#1407', 'camunda/connectors#4739', 'uselagoon/lagoon#1869'],
    label: { value_type: 'binary' },
    links: { button: { pointer: '/actions/0/value', values: { good: 1, bad: 0 } } },
    steps: [
      {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `payload=${encodeURIComponent('{"type":"block_actions","actions":[{"action_id":"rate","value":"good"}]}')}`,
      },
    ],
    right: { status: 200, stored: 1 },
  },
  {
    name: 'a transcript of more than 256 KiB is read',
    source: [
      'Wordcab/wordcab-transcribe#100',
      'PipedreamHQ/pipedream#522',
      'supabase/orb-sync-engine#12',
      'microsoft/ghcrawler#148',
    ],
    label: makeRuleUpTo(10),
    links: { call: { pointer: '/call/call_analysis/custom_analysis_data/score' } },
    steps: [
      {
        body: {
          call: {
            transcript_object: transcript,
            call_analysis: { custom_analysis_data: { score: 8 } },
          },
        },
      },
    ],
    right: { status: 200, stored: 8 },
  },
  {
    name: 'a packed body is unpacked',
    source: ['OpenFn/lightning#3937', 'TracecatHQ/tracecat#1289', 'GetStream/stream-chat-java#254'],
    label: makeRuleUpTo(10),
    links: { judge: { pointer: '/score' } },
    steps: [{ headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: { score: 6 } }],
    right: { status: 200, stored: 6 },
  },
  {
    name: 'an event without a value is ignored, so that its sender goes on',
    source: [
      'stripe/stripe-mirakl-connector#62',
      'svix/svix-docs#159',
      'polarsource/polar#8815',
      'https://elevenlabs.io/docs/conversational-ai/workflows/post-call-webhooks',
    ],
    label: { value_type: 'binary' },
    links: {
      review: {
        pointer: '/review/state',
        values: { approved: 1, changes_requested: 0 },
        where: { '/review/state': ['approved', 'changes_requested'] },
      },
    },
    steps: [
      {
        headers: { ...JSON_TYPE, 'x-github-event': 'pull_request_review' },
        body: { action: 'submitted', review: { state: 'commented' } },
      },
    ],
    right: { status: 204, stored: 0 },
  },
];

async function send(url: string, { headers = JSON_TYPE, body }: Step): Promise<number> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = new Response(text).body;
  const isPacked = 'content-encoding' in headers;
  const sent = isPacked ? bytes?.pipeThrough(new CompressionStream('gzip')) : bytes;
  const request = visit(url, {
    method: 'POST',
    headers,
    body: await new Response(sent).arrayBuffer(),
  });
  return (await worker(request)).status;
}

it.each(CASES)('$name', async ({ label, links, steps, right }) => {
  const row = await storeLabelled(label, { value: 0 });
  const urls = new Map<string | undefined, string>();
  for (const [name, link] of Object.entries(links)) {
    const { url } = await createLinkTo(row, link);
    urls.set(name, url);
    urls.set(undefined, url);
  }

  const statuses: number[] = [];
  for (const step of steps) statuses.push(await send(requirePresent(urls.get(step.to)), step));

  expect([statuses.at(-1), (await readEvaluation(row.id))?.value]).toEqual([
    right.status,
    right.stored,
  ]);
});
