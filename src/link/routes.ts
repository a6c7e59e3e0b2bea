/** Routes for creating and revoking links, which need a token. */
import { readEvaluationPath } from '../evaluation/routes.ts';
import type { RequireAuth } from '../http/bearer-auth.ts';
import { readJsonObject } from '../http/body.ts';
import { type AppEnv, getOperationContext, Hono, type OpenConnection } from '../http/context.ts';
import { methodNotAllowed } from '../http/errors.ts';
import { requireUuid } from '../http/params.ts';
import { refusePreconditions } from '../http/preconditions.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import { respond, respondJson } from '../http/response.ts';
import { createEvaluationLink } from './create.ts';
import { parseLinkCreate } from './input.ts';
import { LINK_PATH, type LinkKeys } from './key.ts';
import { publicLinkRoutes } from './public-routes.ts';
import { revokeEvaluationLink } from './revoke.ts';

const LINKS = '/v1/run/:run_id/evaluation/:evaluation_id/links';
const LINK = `${LINKS}/:link_id` as const;

type Dependencies = {
  readonly requireAuth: RequireAuth;
  readonly openConnection: OpenConnection;
  readonly rateLimit: RateLimiter | undefined;
  /** The isolate keeps the result. After an error, the next request calls `prepareKeys` again. */
  readonly prepareKeys: () => Promise<LinkKeys>;
};

/** Creates all routes for links. */
export function linkRoutes({ requireAuth, openConnection, rateLimit, prepareKeys }: Dependencies) {
  const routes = new Hono<AppEnv>();
  let prepared: LinkKeys | undefined;
  const linkKeys = async (): Promise<LinkKeys> => {
    prepared ??= await prepareKeys();
    return prepared;
  };

  // 'write' selects the primary database: a replica may not have a new evaluation yet.
  routes.post(LINKS, requireAuth('createEvaluationLink', 'write'), async (c) => {
    const { sign } = await linkKeys();
    const path = readEvaluationPath(c, c.req.param());
    refusePreconditions(c);
    const create = parseLinkCreate(await readJsonObject(c.req.raw, { isOptional: true }));
    const createUrl = (key: string) => `${new URL(c.req.url).origin}${LINK_PATH}?key=${key}`;
    const link = await createEvaluationLink(getOperationContext(c), path, create, sign, createUrl);
    c.get('log').link = link.id;
    return respondJson(c, 201, link);
  });

  routes.delete(LINK, requireAuth('revokeEvaluationLink', 'write'), async (c) => {
    await linkKeys();
    const path = readEvaluationPath(c, c.req.param());
    const id = requireUuid('link_id', c.req.param('link_id'));
    c.get('log').link = id;
    refusePreconditions(c);
    await revokeEvaluationLink(getOperationContext(c), path, id);
    return respond(c, 204, null);
  });

  routes.all(LINKS, methodNotAllowed('POST'));
  routes.all(LINK, methodNotAllowed('DELETE'));
  routes.route('/', publicLinkRoutes({ openConnection, rateLimit, linkKeys }));
  return routes;
}
