/**
 * A Worker as a good engineer would write it. If an update changes no row, a second statement reads
 * the reason.
 */
import { and, asc, eq, exists, gte, isNull, lte, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { Hono } from 'hono';
import type { JWTPayload } from 'jose';
import { type Bindings, evaluationLabel, isAllowed, resource, runEvaluation } from './schema.ts';
import { verifyToken } from './token.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EVALUATION = '/v1/run/:run_id/evaluation/:evaluation_id';
const PAGE_MAX_ROWS = 1000;

const app = new Hono<{ Bindings: Bindings; Variables: { claims: JWTPayload } }>();

app.use('/v1/*', async (c, next) => {
  const token = /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (token === undefined) return c.json({ error: 'Send a bearer token.' }, 401);
  const claims = await verifyToken(token, c.env);
  if (!claims) return c.json({ error: 'The token does not verify.' }, 401);
  c.set('claims', claims);
  return next();
});

const isEvaluation = (claims: JWTPayload, { run_id, evaluation_id }: Params) =>
  and(
    eq(runEvaluation.account_id, String(claims['account_id'])),
    eq(runEvaluation.run_id, run_id.toLowerCase()),
    eq(runEvaluation.id, evaluation_id.toLowerCase()),
  );

type Params = { readonly run_id: string; readonly evaluation_id: string };

const isMalformed = ({ run_id, evaluation_id }: Params) =>
  !(UUID.test(run_id) && UUID.test(evaluation_id));

app.get(EVALUATION, async (c) => {
  if (isMalformed(c.req.param())) return c.json({ error: 'The ids must be UUIDs.' }, 400);
  const [row] = await drizzle(c.env.DB)
    .select(resource)
    .from(runEvaluation)
    .where(isEvaluation(c.get('claims'), c.req.param()));
  return row ? c.json(row) : c.json({ error: 'Not found.' }, 404);
});

app.get('/v1/run/:run_id/evaluations', async (c) => {
  const rows = await drizzle(c.env.DB)
    .select(resource)
    .from(runEvaluation)
    .where(
      and(
        eq(runEvaluation.account_id, String(c.get('claims')['account_id'])),
        eq(runEvaluation.run_id, c.req.param('run_id').toLowerCase()),
      ),
    )
    .orderBy(asc(runEvaluation.created_at), asc(runEvaluation.id))
    .limit(PAGE_MAX_ROWS + 1);
  return c.json(rows.slice(0, PAGE_MAX_ROWS));
});

app.put(EVALUATION, async (c) => {
  if (isMalformed(c.req.param())) return c.json({ error: 'The ids must be UUIDs.' }, 400);
  const { value } = await c.req.json<{ value?: unknown }>().catch(() => ({ value: undefined }));
  if (typeof value !== 'number' || !Number.isFinite(value))
    return c.json({ error: 'value must be a number.' }, 400);
  const claims = c.get('claims');
  const version = c.req.header('if-match')?.replaceAll('"', '');
  const db = drizzle(c.env.DB);
  const isTarget = isEvaluation(claims, c.req.param());
  const current = sql`coalesce(${runEvaluation.updated_at}, ${runEvaluation.created_at})`;
  const { value_type, min_value, max_value, categories } = evaluationLabel;
  const allows = db
    .select({ id: evaluationLabel.id })
    .from(evaluationLabel)
    .where(
      and(
        eq(evaluationLabel.account_id, runEvaluation.account_id),
        eq(evaluationLabel.id, runEvaluation.evaluation_label_id),
        sql`CASE ${value_type} WHEN 'binary' THEN ${value} IN (0, 1) WHEN 'continuous' THEN ${and(
          or(isNull(min_value), lte(min_value, value)),
          or(isNull(max_value), gte(max_value, value)),
        )} ELSE ${value} >= 0 AND ${value} < json_array_length(${categories}) AND ${value} = round(${value}) END`,
      ),
    );

  const [row] = await db
    .update(runEvaluation)
    .set({
      value,
      updated_by: claims.sub ?? null,
      updated_at: new Date().toISOString(),
      write_id: sql`lower(hex(randomblob(12)))`,
    })
    .where(and(isTarget, version === undefined ? undefined : eq(current, version), exists(allows)))
    .returning(resource);
  if (row) return c.json(row);

  const [found] = await db
    .select({ evaluation: runEvaluation, label: evaluationLabel })
    .from(runEvaluation)
    .leftJoin(
      evaluationLabel,
      and(
        eq(evaluationLabel.account_id, runEvaluation.account_id),
        eq(evaluationLabel.id, runEvaluation.evaluation_label_id),
      ),
    )
    .where(isTarget);
  if (!found) return c.json({ error: 'Not found.' }, 404);
  const { evaluation, label } = found;
  const stored = evaluation.updated_at ?? evaluation.created_at;
  if (version !== undefined && version !== stored)
    return c.json({ error: 'The evaluation has another version.' }, 412);
  const isLegal = label !== null && isAllowed(label, value);
  return isLegal
    ? c.json({ error: 'Try again.' }, 503)
    : c.json({ error: 'The label does not allow the value.' }, 422);
});

export default app;
