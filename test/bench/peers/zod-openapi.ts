/**
 * The library `@hono/zod-openapi` as its README has it, with hono/jwt and a drizzle query built for
 * each request. An update is read, check, write, in three calls to D1.
 */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { type JwtVariables, jwt } from 'hono/jwt';
import { type Bindings, evaluationLabel, isAllowed, runEvaluation } from './schema.ts';

const Path = z.object({ run_id: z.uuid(), evaluation_id: z.uuid() });
const Headers = z.object({ 'if-match': z.string().optional() });
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

const failure = (description: string) => ({
  content: { 'application/json': { schema: Failure } },
  description,
});

const responses = {
  200: {
    content: { 'application/json': { schema: RunEvaluation } },
    description: 'The evaluation.',
  },
  404: failure('It does not exist.'),
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
  request: {
    params: Path,
    headers: Headers,
    body: { content: { 'application/json': { schema: Update } }, required: true },
  },
  responses: {
    ...responses,
    412: failure('It was changed.'),
    422: failure('Its label does not allow the value.'),
  },
});

const app = new OpenAPIHono<{ Bindings: Bindings; Variables: JwtVariables }>();

app.use('/v1/*', (c, next) =>
  jwt({
    secret: c.env.JWT_SECRET ?? JSON.parse(c.env.JWT_JWKS ?? '').keys[0],
    alg: c.env.JWT_ALG,
    verification: { iss: c.env.JWT_ISSUER, aud: c.env.JWT_AUDIENCE },
  })(c, next),
);

const isEvaluation = (account_id: string, { run_id, evaluation_id }: z.infer<typeof Path>) =>
  and(
    eq(runEvaluation.id, evaluation_id),
    eq(runEvaluation.run_id, run_id),
    eq(runEvaluation.account_id, account_id),
  );

app.openapi(getRoute, async (c) => {
  const [row] = await drizzle(c.env.DB)
    .select()
    .from(runEvaluation)
    .where(isEvaluation(c.get('jwtPayload').account_id, c.req.valid('param')));
  return row ? c.json(row, 200) : c.json({ error: 'Not found' }, 404);
});

app.openapi(updateRoute, async (c) => {
  const { account_id, sub } = c.get('jwtPayload');
  const { value } = c.req.valid('json');
  const db = drizzle(c.env.DB);
  const condition = isEvaluation(account_id, c.req.valid('param'));

  const [stored] = await db.select().from(runEvaluation).where(condition);
  if (!stored) return c.json({ error: 'Not found' }, 404);
  const ifMatch = c.req.valid('header')['if-match'];
  if (ifMatch && ifMatch !== `"${stored.updated_at}"`)
    return c.json({ error: 'Precondition failed' }, 412);
  const [label] = await db
    .select()
    .from(evaluationLabel)
    .where(eq(evaluationLabel.id, stored.evaluation_label_id));
  if (label && !isAllowed(label, value)) return c.json({ error: 'value is not allowed' }, 422);

  const [row] = await db
    .update(runEvaluation)
    .set({ value, updated_by: sub, updated_at: new Date().toISOString() })
    .where(condition)
    .returning();
  return row ? c.json(row, 200) : c.json({ error: 'Not found' }, 404);
});

app.doc('/openapi.json', { openapi: '3.1.0', info: { title: 'Run evaluation', version: '1.0.0' } });

export default app;
