/**
 * Requests that webhook senders, such as Stripe, send to a link. Each request follows the sender's
 * documentation or code, but contains no real person, host, token or secret.
 */
type SampleRequest = {
  readonly source: string;
  /** The media type and the id of the delivery, without signatures. */
  readonly headers: { readonly [name: string]: string };
  /** A string is sent unchanged, any other value as JSON. */
  readonly body: unknown;
};

type Rule = {
  readonly value_type?: string;
  readonly min_value?: number;
  readonly max_value?: number;
  readonly categories?: string;
};
type Numbers = { readonly [text: string]: number };

/** A value that a link reads from a request, and the settings of the link and of the label. */
type Reading = {
  readonly name: string;
  /** The JSON Pointer to the value in the body (RFC 6901). */
  readonly pointer: string;
  /** Maps each text at the pointer to a number, such as `{ approved: 1, disputed: 0 }`. */
  readonly values: Numbers;
  readonly label: Rule;
  /** The value that the Worker must store. */
  readonly value: number;
};

type Sender = SampleRequest & Reading;

const sender = (request: SampleRequest, ...readings: Reading[]): Sender[] =>
  readings.map((reading) => ({ ...request, ...reading }));

function reading(
  name: string,
  pointer: string,
  label: Rule,
  value: number,
  values: Numbers = {},
): Reading {
  return { name, pointer, values, label, value };
}

const binary = { value_type: 'binary' };
const range = (min_value: number, max_value: number) => ({
  value_type: 'continuous',
  min_value,
  max_value,
});

/**
 * Describes a category that is a string in the body. The strings in `texts` stand for 0, 1, 2 and
 * so on.
 */
function category(
  name: string,
  pointer: string,
  value_type: string,
  value: number,
  ...texts: string[]
): Reading {
  const values = Object.fromEntries(texts.map((text, index) => [text, index]));
  return { name, pointer, values, label: { value_type, categories: JSON.stringify(texts) }, value };
}

const JSON_TYPE = { 'content-type': 'application/json' };

const labelStudio = sender(
  {
    source:
      'HumanSignal/label-studio: docs/source/guide/webhook_reference.md, label_studio/webhooks/utils.py, ' +
      'web/libs/editor/src/tags/control/Rating.jsx',
    headers: JSON_TYPE,
    body: {
      action: 'ANNOTATION_CREATED',
      annotation: {
        id: 1017,
        result: [
          {
            id: 'kQ3xTzR1aB',
            type: 'choices',
            value: { choices: ['Good'] },
            from_name: 'verdict',
            to_name: 'answer',
          },
          {
            id: 'vN8pLw2YcD',
            type: 'rating',
            value: { rating: 4 },
            from_name: 'quality',
            to_name: 'answer',
          },
        ],
        created_at: '2026-11-24T13:52:48.536303Z',
        lead_time: 37.13,
        task: 119,
        completed_by: 17,
      },
      project: { id: 2, title: 'Answers', label_config: '<View></View>', created_by: 17 },
    },
  },
  category(
    'Label Studio, a choice',
    '/annotation/result/0/value/choices/0',
    'ordinal',
    2,
    'Bad',
    'Neutral',
    'Good',
  ),
  reading('Label Studio, a rating', '/annotation/result/1/value/rating', range(1, 5), 4),
);

const typeform = sender(
  {
    source:
      'https://developers.typeform.com/webhooks/example-payload/ (the media type is from memory)',
    headers: JSON_TYPE,
    body: {
      event_id: '01KAV7W3E8Z5N2Q4R6T8Y0B1CD',
      event_type: 'form_response',
      form_response: {
        form_id: 'lT4Z3x',
        token: 'response-17',
        landed_at: '2026-11-24T18:07:02Z',
        submitted_at: '2026-11-24T18:17:02Z',
        hidden: { run: 'run-17' },
        definition: { id: 'lT4Z3x', title: 'Was this answer useful?', fields: [] },
        answers: [
          {
            type: 'number',
            number: 7,
            field: { id: 'NRsxU591aaaa', type: 'opinion_scale', ref: 'usefulness' },
          },
          {
            type: 'number',
            number: 3,
            field: { id: 'WOTdC00Faaaa', type: 'rating', ref: 'stars' },
          },
          {
            type: 'choice',
            choice: { label: 'Friendly' },
            field: { id: 'k6TP9oLGaaaa', type: 'multiple_choice' },
          },
          {
            type: 'boolean',
            boolean: false,
            field: { id: 'RUqkXSeXaaaa', type: 'yes_no', ref: 'again' },
          },
        ],
      },
    },
  },
  reading('Typeform, an opinion scale', '/form_response/answers/0/number', range(0, 10), 7),
  reading('Typeform, a rating', '/form_response/answers/1/number', range(1, 5), 3),
  category(
    'Typeform, a choice',
    '/form_response/answers/2/choice/label',
    'categorical',
    1,
    'Formal',
    'Friendly',
  ),
  reading('Typeform, a no', '/form_response/answers/3/boolean', binary, 0),
);

/** Tally sends the id of a chosen option, usually in an array and sometimes alone. */
const [GOOD, BAD] = [
  'aa746040-0000-4000-8000-000000000001',
  'aa746040-0000-4000-8000-000000000002',
];
const OPTIONS = [GOOD, BAD].map((id, index) => ({ id, text: `Option ${index + 1}` }));
const tally = sender(
  {
    source:
      'https://tally.so/help/webhooks; scale, ticked box and ids as receivers of them wrote down ' +
      '(the media type is from memory)',
    headers: JSON_TYPE,
    body: {
      eventId: 'f20b08cc-0000-4000-8000-000000000017',
      eventType: 'FORM_RESPONSE',
      createdAt: '2026-11-24T18:27:06.835Z',
      data: {
        responseId: 'LQy7MX',
        submissionId: 'LQy7MX',
        respondentId: 'GyzlBX',
        formId: 'mV425X',
        formName: 'Was this answer useful?',
        fields: [
          { key: 'question_oDj1BX', label: 'run', type: 'HIDDEN_FIELDS', value: 'run-17' },
          { key: 'question_2B6KAX', label: 'How useful?', type: 'LINEAR_SCALE', value: 8 },
          {
            key: 'question_Ol6aJX',
            label: 'Verdict',
            type: 'DROPDOWN',
            value: [GOOD],
            options: OPTIONS,
          },
          {
            key: `question_Vj7KGX_${GOOD}`,
            label: 'Checked (facts)',
            type: 'CHECKBOXES',
            value: true,
          },
        ],
      },
    },
  },
  reading('Tally, a linear scale', '/data/fields/1/value', range(0, 10), 8),
  reading('Tally, a choice', '/data/fields/2/value/0', binary, 1, { [GOOD]: 1, [BAD]: 0 }),
  reading('Tally, a ticked box', '/data/fields/3/value', binary, 1),
);

const github = (event: string, file: string, details: object): SampleRequest => ({
  source:
    `octokit/webhooks: payload-examples/api.github.com/${event}/${file}; ` +
    'https://docs.github.com/en/webhooks/webhook-events-and-payloads',
  headers: {
    ...JSON_TYPE,
    'x-github-event': event,
    'x-github-delivery': '0b989ba4-0000-11f1-8000-000000000017',
  },
  body: {
    ...details,
    repository: { id: 186853002, name: 'answers', full_name: 'example/answers', private: true },
    sender: { login: 'user-17', id: 17, type: 'User', site_admin: false },
  },
});
const githubReview = sender(
  github('pull_request_review', 'submitted.payload.json', {
    action: 'submitted',
    review: { id: 237895671, user: { login: 'user-17', id: 17 }, body: null, state: 'approved' },
    pull_request: { id: 279147437, number: 2, state: 'open', title: 'Answer in one sentence' },
  }),
  reading('GitHub, an approving review', '/review/state', binary, 1, {
    approved: 1,
    changes_requested: 0,
  }),
);
const githubRun = sender(
  github('workflow_run', 'completed.payload.json', {
    action: 'completed',
    workflow_run: { id: 289782451, name: 'evals', status: 'completed', conclusion: 'failure' },
    workflow: { id: 2823525, name: 'evals', path: '.github/workflows/evals.yml', state: 'active' },
  }),
  reading('GitHub, a failed workflow run', '/workflow_run/conclusion', binary, 0, {
    success: 1,
    failure: 0,
  }),
);

const stripe = sender(
  {
    source:
      'https://docs.stripe.com/api/events, https://docs.stripe.com/api/radar/reviews (the media type is from memory)',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: {
      id: 'evt_1MadeUp00000000000000017',
      object: 'event',
      api_version: '2026-10-28.made-up',
      created: 1795540000,
      data: {
        object: { id: 'prv_1MadeUp17', object: 'review', closed_reason: 'approved', open: false },
      },
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type: 'review.closed',
    },
  },
  reading('Stripe, a closed review', '/data/object/closed_reason', binary, 1, {
    approved: 1,
    disputed: 0,
  }),
);

/**
 * Langfuse has no webhook for a single score, but a monitor of scores sends alerts to a webhook.
 */
const langfuse = sender(
  {
    source:
      'langfuse/langfuse-docs: content/docs/metrics/features/monitors.mdx; langfuse/langfuse: worker/src/queues/webhooks.ts',
    headers: JSON_TYPE,
    body: {
      id: '550e8400-0000-4000-8000-000000000017',
      timestamp: '2026-11-24T10:30:00.000Z',
      type: 'monitor-alert',
      apiVersion: 'v1',
      payload: {
        monitorId: 'monitor_17',
        projectId: 'project_17',
        permalink: 'https://langfuse.example.com/project/project_17/monitors/monitor_17',
        message: {
          title: 'avg correctness crossed warning threshold',
          body: 'avg correctness is 0.71',
        },
        severity: 'WARNING',
        view: 'scores-numeric',
        filters: [],
        window: '1h',
      },
    },
  },
  category(
    'Langfuse, an alert of a monitor',
    '/payload/severity',
    'ordinal',
    1,
    'OK',
    'WARNING',
    'ALERT',
  ),
);

/** Makes the request of n8n's node "HTTP Request". The body is the output of another node. */
const n8n = (file: string, body: object, read: Reading): Sender[] => {
  const source = `n8n-io/n8n, packages/nodes-base: nodes/HttpRequest/V3/HttpRequestV3.node.ts, ${file}`;
  return sender({ source, headers: JSON_TYPE, body }, read);
};
const n8nApproval = n8n(
  'utils/sendAndWait/utils.ts',
  { data: { approved: true } },
  reading('n8n, an approval', '/data/approved', binary, 1),
);
// In the output of an n8n form, the key of each answer is its question as the author typed it.
const n8nForm = n8n(
  'nodes/Form/utils.ts',
  {
    'Correct / complete (1~5)?': 4,
    submittedAt: '2026-11-24T12:00:00.000Z',
    formMode: 'production',
  },
  reading('n8n, a form with a slash and a tilde', '/Correct ~1 complete (1~05)?', range(1, 5), 4),
);
const n8nRow = n8n(
  'and any node before it',
  {
    id: 17,
    value: 99,
    run_id: 'run-17',
    account_id: 'another',
    created_by: 'user-17',
    rating: -0.25,
  },
  reading('n8n, a row with an id and a value of its own', '/rating', range(-1, 1), -0.25),
);

/** Argilla makes a new webhook-id for each retry, because a retry repeats the whole job. */
const argilla = sender(
  {
    source:
      'argilla-io/argilla: argilla/docs/how_to_guides/webhooks_internals.md, ' +
      'argilla-server/src/argilla_server/webhooks/v1/commons.py, argilla-server/src/argilla_server/jobs/webhook_jobs.py',
    headers: {
      ...JSON_TYPE,
      'webhook-id': 'msg_bWFkZS11cC1pZC0wMDAxNw',
      'webhook-timestamp': '1795540000',
    },
    body: {
      type: 'response.created',
      version: 1,
      timestamp: '2026-11-24T14:05:30.128332Z',
      data: {
        id: '38e4d537-0000-4000-8000-000000000017',
        values: { quality: { value: 5 } },
        status: 'submitted',
        record: {
          id: '54b137ae-0000-4000-8000-000000000017',
          status: 'completed',
          fields: { text: 'A long answer, “quoted” and all. '.repeat(3000) },
          external_id: 'run-17',
        },
        user: {
          id: 'df114042-0000-4000-8000-000000000017',
          first_name: '',
          last_name: null,
          username: 'user-17',
        },
      },
    },
  },
  reading('Argilla, a response of more than 64 KiB', '/data/values/quality/value', range(1, 5), 5),
);

const svix = sender(
  {
    source:
      'https://docs.svix.com/idempotency (the media type is from memory, the event is made up)',
    headers: {
      ...JSON_TYPE,
      'svix-id': 'msg_3MadeUp0000000000000000017',
      'svix-timestamp': '1795540000',
    },
    body: { type: 'answer.graded', id: 'answer_17', status: 'passed' },
  },
  reading('a sender behind Svix', '/status', binary, 1, { passed: 1, failed: 0 }),
);

const refactor = sender(
  {
    source:
      're-factor API Reference, callback_url of a run: its state, with its id at the top (the rest is assumed)',
    headers: JSON_TYPE,
    body: {
      id: '0197c3e0-0000-7000-8000-000000000017',
      status: 'completed',
      outputs: { summary: { text: 'A short answer.', confidence: 0.82 } },
    },
  },
  reading('re-factor, the confidence of a run', '/outputs/summary/confidence', range(0, 1), 0.82),
  reading('re-factor, the end of a run', '/status', binary, 1, { completed: 1, failed: 0 }),
);

const curl = sender(
  {
    source: 'https://curl.se/docs/manpage.html#-d (from memory)',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '{\n  "checks": [\n    { "name": "style", "passed": true },\n    { "name": "facts", "passed": false }\n  ]\n}\n',
  },
  reading('curl, a file that a script wrote', '/checks/1/passed', binary, 0),
);

const SENDERS: readonly Sender[] = [
  ...[labelStudio, typeform, tally, githubReview, githubRun, stripe, langfuse],
  ...[n8nApproval, n8nForm, n8nRow, argilla, svix, refactor, curl],
].flat();

/** The body is bytes: for a string, `Request` would add a Content-Type. */
type SentRequest = Omit<Sender, 'body'> & { readonly body: Uint8Array };

const encodeBody = ({ body }: SampleRequest, before = '') =>
  new TextEncoder().encode(before + (typeof body === 'string' ? body : JSON.stringify(body)));

const VARIANTS: readonly {
  readonly name: string;
  readonly headers: SampleRequest['headers'];
  readonly before?: string;
}[] = [
  {
    name: 'form-encoded, as curl -d says',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  {
    name: 'text/plain, as fetch says of a text',
    headers: { 'content-type': 'text/plain;charset=UTF-8' },
  },
  { name: 'without a Content-Type', headers: {} },
  { name: 'with a charset', headers: { 'content-type': 'application/json; charset=utf-8' } },
  {
    name: 'with a media type of its own',
    headers: { 'content-type': 'application/vnd.example.v2+json' },
  },
  { name: 'after a byte order mark', headers: JSON_TYPE, before: '\ufeff' },
];

/** All requests of the senders. A link must store the value of every request. */
export const REQUESTS: readonly SentRequest[] = [
  ...SENDERS.map((sent) => ({ ...sent, body: encodeBody(sent) })),
  ...[...labelStudio, ...n8nApproval].flatMap((sent) =>
    VARIANTS.map(({ name, headers, before }) => ({
      ...sent,
      name: `${sent.name}, ${name}`,
      headers,
      body: encodeBody(sent, before),
    })),
  ),
];

type OtherEvent = {
  readonly what: string;
  /** 204 if the event does not meet the link's `where`, and 422 if the body has no value. */
  readonly status: 204 | 422;
  /**
   * The JSON Pointer (RFC 6901) to the only difference from `sent`. There, the event has the value
   * of `is`, or nothing if `is` is undefined.
   */
  readonly at: string;
  readonly is: unknown;
};

/**
 * A row of the table in src/link/README.md. The link stores the value of `sent`, and ignores or
 * refuses `others`.
 */
export type SenderLink = {
  readonly name: string;
  readonly link: {
    readonly pointer?: string;
    readonly path?: string;
    readonly values?: Numbers;
    readonly where?: object;
    readonly delivery?: string;
  };
  readonly label: Rule;
  /** JSON, a form, or a form whose field `payload` contains JSON. Undefined means JSON. */
  readonly as?: 'form' | 'payload';
  readonly sent: SampleRequest;
  readonly value: number;
  readonly others: readonly OtherEvent[];
};

const other = (
  what: string,
  status: OtherEvent['status'],
  at: string,
  is?: unknown,
): OtherEvent => ({ what, status, at, is });

const only = ([first]: readonly Sender[]): SampleRequest => {
  if (first === undefined) throw new Error('no sender');
  return first;
};

const slack: SampleRequest = {
  source:
    'https://api.slack.com/reference/interaction-payloads/block-actions (from memory), ' +
    'slackapi/node-slack-sdk#1407',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: {
    type: 'block_actions',
    user: { id: 'U17' },
    trigger_id: '12466734323.1395872398',
    container: { type: 'message', message_ts: '1548261231.000200', channel_id: 'C17' },
    actions: [{ action_id: 'rate', block_id: 'b1', type: 'button', value: 'good' }],
  },
};

const twilio: SampleRequest = {
  source: 'https://www.twilio.com/docs/messaging/guides/webhook-request (from memory)',
  headers: {
    'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
    'i-twilio-idempotency-token': '5fe9b7f5-0000-4000-8000-000000000017',
  },
  body: { MessageSid: 'SM17', From: '+15005550006', To: '+15005550001', Body: '4' },
};

const gitlab: SampleRequest = {
  source: 'https://docs.gitlab.com/user/project/integrations/webhook_events/ (from memory)',
  headers: {
    ...JSON_TYPE,
    'idempotency-key': 'f5e5f430-0000-4000-8000-000000000017',
    'x-gitlab-event': 'Merge Request Hook',
    'x-gitlab-event-uuid': '13792a34-0000-4000-8000-000000000017',
  },
  body: {
    object_kind: 'merge_request',
    project: { id: 1, name: 'answers' },
    object_attributes: { id: 93, iid: 16, action: 'approved', state: 'opened' },
  },
};

const retell: SampleRequest = {
  source: 'https://docs.retellai.com/features/webhook-overview (from memory)',
  headers: JSON_TYPE,
  body: {
    event: 'call_analyzed',
    call: {
      call_id: 'call_17',
      transcript_object: Array.from({ length: 6000 }, (_, at) => ({ word: 'answer', start: at })),
      call_analysis: { user_sentiment: 'Positive', custom_analysis_data: { score: '8' } },
    },
  },
};

export const SENDER_LINKS: readonly SenderLink[] = [
  {
    name: 'Label Studio, a choice',
    link: {
      path: "$.annotation.result[?@.from_name=='verdict'].value.choices[0]",
      values: { Bad: 0, Neutral: 1, Good: 2 },
      where: {
        '/annotation/task': 119,
        '/action': ['ANNOTATION_CREATED', 'ANNOTATION_UPDATED'],
      },
    },
    label: { value_type: 'ordinal', categories: '["Bad","Neutral","Good"]' },
    sent: only(labelStudio),
    value: 2,
    others: [
      other('the next task', 204, '/annotation/task', 120),
      other('a choice that was skipped', 422, '/annotation/result/0'),
    ],
  },
  {
    name: 'Typeform, an opinion scale',
    link: {
      path: "$.form_response.answers[?@.field.ref=='usefulness'].number",
      where: { '/form_response/hidden/run': 'run-17' },
      delivery: '/event_id',
    },
    label: range(0, 10),
    sent: only(typeform),
    value: 7,
    others: [
      other('another run', 204, '/form_response/hidden/run', 'run-18'),
      other('a question that was skipped', 422, '/form_response/answers/0'),
    ],
  },
  {
    name: 'Tally, a linear scale',
    link: {
      path: "$.data.fields[?@.key=='question_2B6KAX'].value",
      where: { '/data/fields/0/key': 'question_oDj1BX', '/data/fields/0/value': 'run-17' },
      delivery: '/eventId',
    },
    label: range(0, 10),
    sent: only(tally),
    value: 8,
    others: [
      other('another run', 204, '/data/fields/0/value', 'run-18'),
      other('a question that was skipped', 422, '/data/fields/1'),
    ],
  },
  {
    name: 'GitHub, a review',
    link: {
      pointer: '/review/state',
      values: { approved: 1, changes_requested: 0 },
      where: {
        '/repository/id': 186853002,
        '/pull_request/number': 2,
        '/review/state': ['approved', 'changes_requested'],
      },
    },
    label: binary,
    sent: only(githubReview),
    value: 1,
    others: [
      other('another pull request', 204, '/pull_request/number', 3),
      other('a comment', 204, '/review/state', 'commented'),
    ],
  },
  {
    name: 'GitHub, a workflow run',
    link: {
      pointer: '/workflow_run/conclusion',
      values: { success: 1, failure: 0 },
      where: { '/workflow_run/id': 289782451, '/workflow_run/conclusion': ['success', 'failure'] },
    },
    label: binary,
    sent: only(githubRun),
    value: 0,
    others: [
      other('another run', 204, '/workflow_run/id', 18),
      other('a run that is not completed', 204, '/workflow_run/conclusion', null),
    ],
  },
  {
    name: 'GitLab, an approval',
    link: {
      pointer: '/object_attributes/action',
      values: { approved: 1, unapproved: 0 },
      where: {
        '/project/id': 1,
        '/object_attributes/iid': 16,
        '/object_attributes/action': ['approved', 'unapproved'],
      },
    },
    label: binary,
    sent: gitlab,
    value: 1,
    others: [
      other('another merge request', 204, '/object_attributes/iid', 17),
      other('an update', 204, '/object_attributes/action', 'update'),
    ],
  },
  {
    name: 'Stripe, a closed review',
    link: {
      pointer: '/data/object/closed_reason',
      values: { approved: 1, disputed: 0 },
      where: { '/type': 'review.closed', '/data/object/id': 'prv_1MadeUp17' },
      delivery: '/id',
    },
    label: binary,
    sent: only(stripe),
    value: 1,
    others: [
      other('another review', 204, '/data/object/id', 'prv_1MadeUp18'),
      other('another type of event', 204, '/type', 'review.opened'),
    ],
  },
  {
    name: "Langfuse, a monitor's alert",
    link: {
      pointer: '/payload/severity',
      values: { OK: 0, WARNING: 1, ALERT: 2 },
      where: { '/payload/monitorId': 'monitor_17' },
      delivery: '/id',
    },
    label: { value_type: 'ordinal', categories: '["OK","WARNING","ALERT"]' },
    sent: only(langfuse),
    value: 1,
    others: [other('another monitor', 204, '/payload/monitorId', 'monitor_18')],
  },
  {
    name: 'Argilla, a response',
    link: {
      pointer: '/data/values/quality/value',
      where: {
        '/data/record/id': '54b137ae-0000-4000-8000-000000000017',
        '/data/status': 'submitted',
      },
      delivery: '/timestamp',
    },
    label: range(1, 5),
    sent: only(argilla),
    value: 5,
    others: [
      other('another record', 204, '/data/record/id', 'another'),
      other('a draft', 204, '/data/status', 'draft'),
    ],
  },
  {
    name: 'Slack, a button',
    link: {
      path: "$.actions[?@.action_id=='rate'].value",
      values: { good: 1, bad: 0 },
      where: { '/container/message_ts': '1548261231.000200', '/type': 'block_actions' },
      delivery: '/trigger_id',
    },
    label: binary,
    as: 'payload',
    sent: slack,
    value: 1,
    others: [
      other('a button of another message', 204, '/container/message_ts', '1548261232.000100'),
      other('another button', 422, '/actions/0/action_id', 'open'),
    ],
  },
  {
    name: 'Twilio, an answer by SMS',
    link: { pointer: '/Body', where: { '/From': '+15005550006' } },
    label: range(1, 5),
    as: 'form',
    sent: twilio,
    value: 4,
    others: [other('another person', 204, '/From', '+15005550007')],
  },
  {
    name: 'Retell, the analysis of a call',
    link: {
      pointer: '/call/call_analysis/custom_analysis_data/score',
      where: { '/event': 'call_analyzed', '/call/call_id': 'call_17' },
    },
    label: range(0, 10),
    sent: retell,
    value: 8,
    others: [
      other('another call', 204, '/call/call_id', 'call_18'),
      other('the end of the call', 204, '/event', 'call_ended'),
    ],
  },
  {
    name: 'n8n, a row of data',
    link: { pointer: '/rating', where: { '/run_id': 'run-17' } },
    label: range(-1, 1),
    sent: only(n8nRow),
    value: -0.25,
    others: [other('another row', 204, '/run_id', 'run-18')],
  },
  {
    name: "re-factor, a run's callback",
    link: {
      pointer: '/outputs/summary/confidence',
      where: { '/id': '0197c3e0-0000-7000-8000-000000000017', '/status': 'completed' },
    },
    label: range(0, 1),
    sent: only(refactor),
    value: 0.82,
    others: [
      other('another run', 204, '/id', 'another'),
      other('a run that failed', 204, '/status', 'failed'),
    ],
  },
];

export function encodeAs(as: SenderLink['as'], body: unknown): Uint8Array {
  const json = JSON.stringify(body);
  const fields = as === 'payload' ? { payload: json } : JSON.parse(json);
  return new TextEncoder().encode(as === undefined ? json : `${new URLSearchParams(fields)}`);
}
