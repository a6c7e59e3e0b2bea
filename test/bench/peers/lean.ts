/** A Worker with one route and no framework, as fast as a careful author makes it. */
import type { Bindings } from './schema.ts';
import { verifyToken } from './token.ts';

const UUID = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const PATH = new RegExp(`^https?://[^/]+/v1/run/${UUID}/evaluation/${UUID}$`, 'i');

const COLUMNS =
  'id, account_id, run_id, output_name, field_path, evaluation_label_id, value, created_by, created_by_evaluator_id, created_at, updated_by, updated_at';
const SCOPE = 'account_id = ?1 AND run_id = ?2 AND id = ?3';
const GET = `SELECT ${COLUMNS} FROM run_evaluation WHERE ${SCOPE}`;
/** Sets `write_id`, because a trigger would otherwise set it at a higher cost. */
const UPDATE = `UPDATE run_evaluation SET value = ?4, updated_by = ?5, updated_at = ?6, write_id = lower(hex(randomblob(12)))
  WHERE ${SCOPE} RETURNING ${COLUMNS}`;

const refuse = (status: number, error: string) => Response.json({ error }, { status });

export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const [, run, id] = PATH.exec(request.url) ?? [];
    if (run === undefined || id === undefined) return refuse(404, 'No such path.');
    const [, token = ''] = request.headers.get('authorization')?.split(' ') ?? [];
    const claims = await verifyToken(token, env);
    if (!claims) return refuse(401, 'The token does not verify.');
    const scope = [claims['account_id'], run.toLowerCase(), id.toLowerCase()];
    let statement = env.DB.prepare(GET).bind(...scope);
    if (request.method === 'PUT') {
      const { value } = await request.json<{ value?: unknown }>();
      if (!Number.isFinite(value)) return refuse(400, 'value must be a number.');
      const change = [value, claims.sub, new Date().toISOString()];
      statement = env.DB.prepare(UPDATE).bind(...scope, ...change);
    }
    const row = await statement.first();
    return row ? Response.json(row) : refuse(404, 'Not found.');
  },
};
