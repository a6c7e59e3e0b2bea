/** Every protected operation, with a request about a given row that it accepts but for its token. */
import { env } from 'cloudflare:workers';
import { pathOf, type Row, request } from './worker.ts';

type Headers = Record<string, string | null>;

export type Operation = {
  readonly name: string;
  /** Whether it is about one evaluation, or about a run. */
  readonly about: 'evaluation' | 'run';
  readonly requestFor: (row: Row, headers: Headers) => Promise<Request>;
};

const body = '{"value":9}';
const collectionOf = ({ run_id }: Row) => `/v1/run/${run_id}/evaluations`;

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'createEvaluation',
    about: 'run',
    requestFor: async (row, headers) => {
      const label = `INSERT OR IGNORE INTO evaluation_label (id, account_id, name, value_type) VALUES (?, 'shared', 'any', 'continuous')`;
      await env.DB.prepare(label).bind(row.evaluation_label_id).run();
      const { evaluation_label_id } = row;
      return request(collectionOf(row), {
        method: 'POST',
        headers,
        body: JSON.stringify({ evaluation_label_id, value: 9 }),
      });
    },
  },
  {
    name: 'listEvaluations',
    about: 'run',
    requestFor: (row, headers) => request(collectionOf(row), { method: 'GET', headers }),
  },
  {
    name: 'getEvaluation',
    about: 'evaluation',
    requestFor: (row, headers) => request(pathOf(row), { method: 'GET', headers }),
  },
  {
    name: 'updateEvaluation',
    about: 'evaluation',
    requestFor: (row, headers) => request(pathOf(row), { method: 'PUT', headers, body }),
  },
  {
    name: 'updateEvaluationByPost',
    about: 'evaluation',
    requestFor: (row, headers) => request(pathOf(row), { method: 'POST', headers, body }),
  },
  {
    name: 'listReplacedValues',
    about: 'evaluation',
    requestFor: (row, headers) => request(`${pathOf(row)}/history`, { method: 'GET', headers }),
  },
];
