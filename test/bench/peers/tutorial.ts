/** A Worker as a tutorial would write it: an update makes three calls to D1. */
import { and, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { Hono } from 'hono';
import { type JwtVariables, jwt } from 'hono/jwt';
import { type Bindings, evaluationLabel, isAllowed, resource, runEvaluation } from './schema.ts';

const app = new Hono<{ Bindings: Bindings; Variables: JwtVariables }>();

app.use('/v1/*', (c, next) =>
  jwt({
    secret: c.env.JWT_SECRET ?? JSON.parse(c.env.JWT_JWKS ?? '').keys[0],
    alg: c.env.JWT_ALG,
    verification: { iss: c.env.JWT_ISSUER, aud: c.env.JWT_AUDIENCE },
  })(c, next),
);

const isEvaluation = (account_id: string, run_id: string, evaluation_id: string) =>
  and(
    eq(runEvaluation.id, evaluation_id),
    eq(runEvaluation.run_id, run_id),
    eq(runEvaluation.account_id, account_id),
  );

app.get('/v1/run/:run_id/evaluation/:evaluation_id', async (c) => {
  const { run_id, evaluation_id } = c.req.param();
  const { account_id } = c.get('jwtPayload');
  const [row] = await drizzle(c.env.DB)
    .select(resource)
    .from(runEvaluation)
    .where(isEvaluation(account_id, run_id, evaluation_id));
  return row ? c.json(row) : c.json({ error: 'Not found' }, 404);
});

app.put('/v1/run/:run_id/evaluation/:evaluation_id', async (c) => {
  const { run_id, evaluation_id } = c.req.param();
  const { account_id, sub } = c.get('jwtPayload');
  const { value } = await c.req.json();
  if (typeof value !== 'number' || !Number.isFinite(value))
    return c.json({ error: 'value must be a number' }, 400);
  const db = drizzle(c.env.DB);
  const condition = isEvaluation(account_id, run_id, evaluation_id);

  const [stored] = await db.select().from(runEvaluation).where(condition);
  if (!stored) return c.json({ error: 'Not found' }, 404);
  const ifMatch = c.req.header('if-match');
  if (ifMatch && ifMatch !== `"${stored.updated_at}"`)
    return c.json({ error: 'Precondition failed' }, 412);
  const [label] = await db
    .select()
    .from(evaluationLabel)
    .where(eq(evaluationLabel.id, stored.evaluation_label_id));
  if (label && !isAllowed(label, value)) return c.json({ error: 'value is not allowed' }, 422);

  const [row] = await db
    .update(runEvaluation)
    .set({
      value,
      updated_by: sub,
      updated_at: new Date().toISOString(),
      write_id: sql`lower(hex(randomblob(12)))`,
    })
    .where(condition)
    .returning(resource);
  return row ? c.json(row) : c.json({ error: 'Not found' }, 404);
});

export default app;
