/** Every protected operation, with a request for a given row that it accepts but for its token. */
import { pathOf, type Row, request } from './worker';

type Headers = Record<string, string | null>;

export const OPERATIONS: { name: string; requestFor: (row: Row, headers: Headers) => Promise<Request> }[] = [
  {
    name: 'updateEvaluation',
    requestFor: (row, headers) => request(pathOf(row), { body: '{"value":9}', headers }),
  },
];
