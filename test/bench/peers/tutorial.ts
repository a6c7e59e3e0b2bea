/** The usual tutorial stack: Hono, hono/jwt, and a drizzle query built for each request. */
import { and, eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { Hono } from 'hono';
import { type JwtVariables, jwt } from 'hono/jwt';
import { type Bindings, runEvaluation } from './schema.ts';

const app = new Hono<{ Bindings: Bindings; Variables: JwtVariables }>();

app.use('/v1/*', (c, next) =>
  jwt({
    secret: c.env.JWT_SECRET ?? JSON.parse(c.env.JWT_JWKS ?? '').keys[0],
    alg: c.env.JWT_ALG,
    verification: { iss: c.env.JWT_ISSUER, aud: c.env.JWT_AUDIENCE },
  })(c, next),
);

app.get('/v1/run/:run_id/evaluation/:evaluation_id', async (c) => {
  const { run_id, evaluation_id } = c.req.param();
  const { account_id } = c.get('jwtPayload');
  const [row] = await drizzle(c.env.DB)
    .select()
    .from(runEvaluation)
    .where(
      and(
        eq(runEvaluation.id, evaluation_id),
        eq(runEvaluation.run_id, run_id),
        eq(runEvaluation.account_id, account_id),
      ),
    );
  return row ? c.json(row) : c.json({ error: 'Not found' }, 404);
});

app.put('/v1/run/:run_id/evaluation/:evaluation_id', async (c) => {
  const { run_id, evaluation_id } = c.req.param();
  const { account_id, sub } = c.get('jwtPayload');
  const { value } = await c.req.json();
  if (typeof value !== 'number' || !Number.isFinite(value)) return c.json({ error: 'value must be a number' }, 400);
  const [row] = await drizzle(c.env.DB)
    .update(runEvaluation)
    .set({ value, updated_by: sub, updated_at: new Date().toISOString() })
    .where(
      and(
        eq(runEvaluation.id, evaluation_id),
        eq(runEvaluation.run_id, run_id),
        eq(runEvaluation.account_id, account_id),
      ),
    )
    .returning();
  return row ? c.json(row) : c.json({ error: 'Not found' }, 404);
});

export default app;
