/**
 * Runs the built Worker on a real local D1, and prepares evaluations and links for the browser
 * tests.
 */
import { createTestHarness } from 'wrangler';
import { mintToken } from '../../src/cli/mint.ts';
import { createLinkId, createLinkKeys, type EvaluationLink } from '../../src/link/key.ts';
import type { AccountId } from '../../src/principal.ts';
import { readSettings } from '../../src/settings.ts';
import { listMigrationStatements } from '../node/migrations.ts';

const JWT_SECRET = 'a-secret-of-the-browser-suite-and-of-nothing-else';
const LINK_SECRET = 'a-secret-for-the-links-of-the-browser-suite-alone';

const ACCOUNT = 'acc_browser';
export const SUBJECT = 'maker';
/** The name of the person who opens the link. */
const ANSWERER = 'anna@example.com';
/** The author of each value that ANSWERER stores. */
export const AUTHOR = `${SUBJECT}/${ANSWERER}`;

type Statement = { bind: (...values: unknown[]) => Statement; run: () => Promise<unknown> };
type Bindings = { readonly DB: { prepare: (sql: string) => Statement } };

export type Label = {
  readonly name: string;
  readonly description?: string;
  readonly value_type: 'binary' | 'categorical' | 'ordinal' | 'continuous';
  readonly min_value?: number;
  readonly max_value?: number;
  readonly categories?: readonly string[];
};

export type LinkedEvaluation = {
  readonly path: string;
  readonly link: EvaluationLink;
  readonly label: string;
};

export type Worker = Awaited<ReturnType<typeof startWorker>>;

export async function startWorker() {
  const server = createTestHarness({
    workers: [{ configPath: 'wrangler.toml', secrets: { JWT_SECRET, LINK_SECRET } }],
  });
  const { url } = await server.listen();
  const { DB } = await server.getWorker<Bindings>().getEnv();
  for (const statement of listMigrationStatements()) await DB.prepare(statement).run();
  const settings = readSettings({ JWT_SECRET });
  const mintTokenFor = (subject: string) =>
    mintToken(settings, { account: ACCOUNT, subject, expires: '1h' });
  const [maker, other] = await Promise.all([mintTokenFor(SUBJECT), mintTokenFor('somebody-else')]);

  /**
   * Sends a request to the API, and returns the parsed body.
   * @throws {Error} if the Worker refuses the request
   */
  async function send(method: string, path: string, body?: object, token = maker) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  const createLinkTo = (path: string, name = ANSWERER): Promise<EvaluationLink> =>
    send('POST', `${path}/links`, { name });

  async function createLinkedEvaluation(
    label: Label,
    value: number,
    { name = ANSWERER, ...output } = { output_name: 'reply' },
  ): Promise<LinkedEvaluation> {
    const { id } = await send('POST', '/v1/evaluation-labels', label);
    const run = crypto.randomUUID();
    const made = await send('POST', `/v1/run/${run}/evaluations`, {
      evaluation_label_id: id,
      value,
      ...output,
    });
    const path = `/v1/run/${run}/evaluation/${made.id}`;
    return { path, link: await createLinkTo(path, name), label: id };
  }

  return {
    url,
    /** The token of the person who creates the links. */
    token: maker,
    send,
    createLinkedEvaluation,
    createLinkTo,
    /** Creates an evaluation whose label is missing, as after a deletion in a database console. */
    async createLinkedEvaluationWithoutLabel(
      value: number,
    ): Promise<Omit<LinkedEvaluation, 'label'>> {
      const [run, id] = [crypto.randomUUID(), crypto.randomUUID()];
      await DB.prepare(
        'INSERT INTO run_evaluation (id, account_id, run_id, evaluation_label_id, value, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
        .bind(id, ACCOUNT, run, crypto.randomUUID(), value, 'maker', '2026-11-01T09:00:00.000Z')
        .run();
      const path = `/v1/run/${run}/evaluation/${id}`;
      return { path, link: await createLinkTo(path) };
    },
    /** Updates an evaluation as another author of the same account. */
    updateAsOther: (path: string, value: number) => send('PUT', path, { value }, other),
    revoke: (path: string, { id }: EvaluationLink) => send('DELETE', `${path}/links/${id}`),
    async signExpiredUrl({ evaluation_id, author }: EvaluationLink): Promise<string> {
      const { sign } = await createLinkKeys(new TextEncoder().encode(LINK_SECRET));
      const expires_at = '2026-11-01T09:00:00.000Z';
      const link = {
        id: createLinkId(expires_at),
        account: ACCOUNT as AccountId,
        expires_at,
        pointer: '/value',
        values: {},
      };
      return `${url.origin}/v1/link?key=${await sign({ ...link, evaluation_id, author })}`;
    },
    /** While `work` runs, D1 refuses each update with the error `message`. */
    async withFailingUpdates(message: string, work: () => Promise<void>): Promise<void> {
      await DB.prepare(
        `CREATE TRIGGER failing BEFORE UPDATE ON run_evaluation BEGIN SELECT RAISE(ABORT, '${message}'); END`,
      ).run();
      await work().finally(() => DB.prepare('DROP TRIGGER failing').run());
    },
    close: () => server.close(),
  };
}
