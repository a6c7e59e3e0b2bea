/** The one evaluation of the stand-in database, and one that it does not have. */
export const RUN = '018f4d3c-0001-7000-8000-000000000001';
export const STORED = '018f4d3d-0001-7000-8000-000000000001';
export const MISSING = '018f4d3d-0001-7000-8000-00000000ffff';

const ROW = {
  id: STORED,
  account_id: 'acc_bench',
  run_id: RUN,
  output_name: 'summary',
  field_path: '$.text',
  evaluation_label_id: '018f4d3b-0001-7000-8000-000000000001',
  value: 8,
  created_by: 'user-7',
  created_by_evaluator_id: null,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_by: 'user-123',
  updated_at: '2026-01-03T03:04:05.678Z',
};

/** D1's answer to a statement that finds the row, and to one that does not, as the binding reads it. */
const answerWith = (rows: unknown[][]) =>
  JSON.stringify([
    {
      success: true,
      results: { columns: Object.keys(ROW), rows },
      meta: {
        served_by: 'stand-in',
        duration: 0,
        changes: rows.length,
        last_row_id: 0,
        changed_db: rows.length > 0,
        size_after: 8192,
        rows_read: rows.length,
        rows_written: rows.length,
      },
    },
  ]);

/** The answer to a batch, of which each statement has an answer of its own. */
const batch = (...answers: string[]) => `[${answers.map((answer) => answer.slice(1, -1)).join(',')}]`;

/**
 * A Worker that answers as D1 at once: it looks for the missing id in what was asked, and knows no SQL. A batch is a write
 * and what explains why it stored nothing.
 */
export const STAND_IN = `
const init = { headers: { 'content-type': 'application/json', 'x-cf-d1-session-commit-token': '00000001-00000000-00004f00-00000000000000000000000000000000' } };
const FOUND = ${JSON.stringify(answerWith([Object.values(ROW)]))};
const NOTHING = ${JSON.stringify(answerWith([]))};
const STORED = ${JSON.stringify(batch(answerWith([Object.values(ROW)]), answerWith([])))};
const EXPLAINED = ${JSON.stringify(batch(answerWith([]), answerWith([Object.values(ROW).map(() => null)])))};
export default {
  async fetch(request) {
    const asked = await request.text();
    const [found, missing] = asked.startsWith('[') ? [STORED, EXPLAINED] : [FOUND, NOTHING];
    return new Response(asked.includes('${MISSING}') ? missing : found, init);
  },
};
`;
