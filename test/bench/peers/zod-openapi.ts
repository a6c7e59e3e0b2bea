/** @hono/zod-openapi as its README has it, with hono/jwt and a drizzle query built for each request. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { type JwtVariables, jwt } from 'hono/jwt';
import { type Bindings, runEvaluation } from './schema.ts';

const Path = z.object({ run_id: z.uuid(), evaluation_id: z.uuid() });
const Update = z.object({ value: z.number() });
const Failure = z.object({ error: z.string() });
const RunEvaluation = z
  .object({
    id: z.uuid(),
    account_id: z.string(),
    run_id: z.uuid(),
    output_name: z.string().nullable(),
    field_path: z.string().nullable(),
    evaluation_label_id: z.uuid(),
    value: z.number(),
    created_by: z.string().nullable(),
    created_by_evaluator_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    updated_by: z.string().nullable(),
    updated_at: z.iso.datetime().nullable(),
  })
  .openapi('RunEvaluation');

const responses = {
  200: { content: { 'application/json': { schema: RunEvaluation } }, description: 'The evaluation.' },
  404: { content: { 'application/json': { schema: Failure } }, description: 'It does not exist.' },
};

const getRoute = createRoute({
  method: 'get',
  path: '/v1/run/{run_id}/evaluation/{evaluation_id}',
  request: { params: Path },
  responses,
});

const updateRoute = createRoute({
  method: 'put',
  path: '/v1/run/{run_id}/evaluation/{evaluation_id}',
  request: { params: Path, body: { content: { 'application/json': { schema: Update } }, required: true } },
  responses,
});

const app = new OpenAPIHono<{ Bindings: Bindings; Variables: JwtVariables }>();

app.use('/v1/*', (c, next) =>
  jwt({
    secret: c.env.JWT_SECRET ?? JSON.parse(c.env.JWT_JWKS ?? '').keys[0],
    alg: c.env.JWT_ALG,
    verification: { iss: c.env.JWT_ISSUER, aud: c.env.JWT_AUDIENCE },
  })(c, next),
);

app.openapi(getRoute, async (c) => {
  const { run_id, evaluation_id } = c.req.valid('param');
  const [row] = await drizzle(c.env.DB)
    .select()
    .from(runEvaluation)
    .where(
      and(
        eq(runEvaluation.id, evaluation_id),
        eq(runEvaluation.run_id, run_id),
        eq(runEvaluation.account_id, c.get('jwtPayload').account_id),
      ),
    );
  return row ? c.json(row, 200) : c.json({ error: 'Not found' }, 404);
});

app.openapi(updateRoute, async (c) => {
  const { run_id, evaluation_id } = c.req.valid('param');
  const { account_id, sub } = c.get('jwtPayload');
  const { value } = c.req.valid('json');
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
  return row ? c.json(row, 200) : c.json({ error: 'Not found' }, 404);
});

app.doc('/openapi.json', { openapi: '3.1.0', info: { title: 'Run evaluation', version: '1.0.0' } });

export default app;
