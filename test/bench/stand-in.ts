/**
 * Creates a stand-in for D1: a Worker that parses no SQL and chooses its answer by texts in the
 * request. A batch whose first statement is not a SELECT counts as an update by run-evaluation.
 */
export const RUN = '018f4d3c-0001-7000-8000-000000000001';
export const STORED = '018f4d3d-0001-7000-8000-000000000001';
const LABEL = '018f4d3b-0001-7000-8000-000000000001';

/** If a request contains one of these values, the stand-in answers as if D1 refused the request. */
export const MISSING = '018f4d3d-0001-7000-8000-00000000ffff';
export const OLD_VERSION = '2026-01-01T00:00:00.001Z';
export const ILLEGAL_VALUE = 987_654_321_987;

const EVALUATION = {
  id: STORED,
  account_id: 'acc_bench',
  run_id: RUN,
  output_name: 'summary',
  field_path: '$.text',
  evaluation_label_id: LABEL,
  value: 8,
  created_by: 'user-7',
  created_by_evaluator_id: null,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_by: 'user-123',
  updated_at: '2026-01-03T03:04:05.678Z',
};

const RULE = { value_type: 'continuous', min_value: 0, max_value: 10, categories: null };

const LABEL_ROW = {
  id: LABEL,
  account_id: 'acc_bench',
  name: 'Response Quality',
  description: 'How good the response is',
  ...RULE,
  archived_at: null,
  created_by: 'user-123',
  created_at: '2026-01-01T03:04:05.678Z',
  updated_by: null,
  updated_at: null,
};

/** The row that tells run-evaluation why its update stored nothing. */
const REFUSED = {
  ...EVALUATION,
  ...RULE,
  is_own_write: 0,
  is_repeatable: 0,
  earlier_value: null,
  earlier_updated_at: null,
};
const NOT_THERE = Object.fromEntries(Object.keys(REFUSED).map((column) => [column, null]));

type Row = { readonly [column: string]: unknown };

const createResult = (row?: Row) => ({
  success: true,
  results: { columns: Object.keys(row ?? EVALUATION), rows: row ? [Object.values(row)] : [] },
  meta: {
    served_by: 'stand-in',
    duration: 0,
    changes: row ? 1 : 0,
    last_row_id: 0,
    changed_db: row !== undefined,
    size_after: 8192,
    rows_read: row ? 1 : 0,
    rows_written: row ? 1 : 0,
  },
});

/** The result that tells the Worker `engineer` why its update stored nothing. */
const JOINED = {
  ...createResult(EVALUATION),
  results: {
    columns: [...Object.keys(EVALUATION), 'write_id', ...Object.keys(LABEL_ROW).slice(0, 8)],
    rows: [[...Object.values(EVALUATION), 'a'.repeat(24), ...Object.values(LABEL_ROW).slice(0, 8)]],
  },
};

const answer = (...rows: (Row | undefined)[]) => JSON.stringify(rows.map(createResult));

const ANSWERS = {
  evaluation: answer(EVALUATION),
  joined: JSON.stringify([JOINED]),
  label: answer(LABEL_ROW),
  nothing: answer(undefined),
  evaluationStored: answer(EVALUATION, undefined),
  missing: answer(undefined, NOT_THERE),
  refused: answer(undefined, REFUSED),
};

/**
 * Returns the stand-in's source code. A POST is a call to D1. A GET returns the number of calls.
 */
export const createStandIn = (roundTripMs: number) => `
const ANSWERS = ${JSON.stringify(ANSWERS)};
const init = { headers: { 'content-type': 'application/json', 'x-cf-d1-session-commit-token': '00000001-00000000-00004f00-00000000000000000000000000000000' } };

function answerTo(asked) {
  const isMissing = asked.includes('${MISSING}');
  const isAboutLabel = !asked.includes('run_evaluation');
  const isRefused = asked.includes('${OLD_VERSION}') || asked.includes('${ILLEGAL_VALUE}');
  const isExplainedWrite = asked.startsWith('[') && !asked.startsWith('[{"sql":"SELECT');
  if (!isExplainedWrite) {
    if (isMissing || isRefused) return ANSWERS.nothing;
    if (isAboutLabel) return ANSWERS.label;
    if (asked.includes(' left join ')) return ANSWERS.joined;
    return ANSWERS.evaluation;
  }
  if (isMissing) return ANSWERS.missing;
  return isRefused ? ANSWERS.refused : ANSWERS.evaluationStored;
}

let calls = 0;
export default {
  async fetch(request) {
    if (request.method === 'GET') return new Response(String(calls));
    calls += 1;
    const asked = await request.text();
    ${roundTripMs === 0 ? '' : `await scheduler.wait(${roundTripMs});`}
    return new Response(answerTo(asked), init);
  },
};
`;
