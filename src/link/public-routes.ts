/**
 * Routes for using a link: machines post to it and get JSON, people open it and get a page. Mail
 * filters and chat programs open every link that they see, so a GET never writes.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { toResource } from '../evaluation/read.ts';
import type { Failure } from '../failure.ts';
import { parseJson, readText } from '../http/body.ts';
import { type AppEnv, getOperationContext, Hono, type OpenConnection } from '../http/context.ts';
import { describeFailure, methodNotAllowed, renderFailure } from '../http/errors.ts';
import { parseForm, readFormBody } from '../http/form.ts';
import {
  parseIfMatch,
  parseReadPreconditions,
  readKey,
  refusePreconditions,
} from '../http/preconditions.ts';
import type { RateLimiter } from '../http/rate-limit.ts';
import { respond, respondResource, respondToRead } from '../http/response.ts';
import { ANSWER_MAX_CHARS, LINK_BODY_MAX_BYTES } from '../limits.ts';
import { answerOnPage, readLinkPage, updateEvaluationByLink } from './answer.ts';
import {
  createDeliveryIdFromBody,
  createDeliveryIdFromHeader,
  DELIVERY_HEADERS,
} from './delivery.ts';
import { type Answer, findLengthFault, readAnswer } from './input.ts';
import { createLinkPrincipal, LINK_PATH, type Link, type LinkKeys } from './key.ts';
import { type PageState, renderFailurePage, renderLinkPage } from './page.ts';
import { hashStyle } from './style.ts';
import { readValue } from './value.ts';
import { findUnmetCondition } from './where.ts';

type Dependencies = {
  readonly openConnection: OpenConnection;
  readonly rateLimit: RateLimiter | undefined;
  readonly linkKeys: () => Promise<LinkKeys>;
};

/**
 * `answer` is undefined until the Worker has read the body, and null if the body is not the page's
 * form.
 */
type LinkEnv = { Variables: AppEnv['Variables'] & { link: Link; answer?: Answer | null } };

/** Creates the routes for using a link, and renders their failures as a page or as JSON. */
export function publicLinkRoutes({ openConnection, rateLimit, linkKeys }: Dependencies) {
  const routes = new Hono<LinkEnv>();

  const requireKey = (operation: string): MiddlewareHandler<LinkEnv> =>
    async function requireKey(c, next) {
      const log = c.get('log');
      log.operation = operation;
      const { verify } = await linkKeys();
      const link = await verify(c.req.query('key') ?? '', c.get('clock').now());
      const principal = createLinkPrincipal(link);
      Object.assign(log, { account: link.account, evaluation: link.evaluation_id, link: link.id });
      if (rateLimit) await rateLimit(principal, {});
      c.set('link', link);
      c.set('principal', principal);
      // 'write' selects the primary database: a replica could show an old value or accept a revoked
      // link.
      c.set('connection', openConnection(c, link.account, 'write'));
      await next();
    };

  routes.get(LINK_PATH, requireKey('getEvaluationByLink'), async (c) => {
    const link = c.get('link');
    if (wantsPage(c)) {
      refusePreconditions(c);
      const row = await readLinkPage(getOperationContext(c), link);
      return respondPage(c, 200, await renderLinkPage(row, link, { kind: 'asked' }));
    }
    const preconditions = parseReadPreconditions(c);
    const {
      name,
      description,
      value_type,
      min_value,
      max_value,
      categories,
      earlier,
      ...evaluation
    } = await readLinkPage(getOperationContext(c), link);
    return respondToRead(c, toResource(evaluation), 'evaluation', preconditions);
  });

  routes.post(LINK_PATH, requireKey('updateEvaluationByLink'), async (c) => {
    const link = c.get('link');
    const text = await readText(c.req.raw, LINK_BODY_MAX_BYTES, { takesGzip: true });
    const form = declaresForm(c) ? parseForm(text) : undefined;
    const answer = form === undefined ? null : readAnswer(form);
    c.set('answer', answer);
    if (answer) {
      refusePreconditions(c);
      const answered = await answerOnPage(getOperationContext(c), link, answer);
      if (!answered.refusal) {
        return respondPage(
          c,
          200,
          await renderLinkPage(answered.row, link, { kind: 'stored', value: answered.stored }),
        );
      }
      const { status, error } = describeFailure(answered.refusal, c);
      return respondPage(
        c,
        status,
        await renderLinkPage(
          answered.row,
          link,
          createRefusedState(answered.refusal, error, answer),
        ),
      );
    }
    const versions = parseIfMatch(c);
    const named = link.delivery === undefined ? readDeliveryId(c) : undefined;
    const body = form === undefined ? parseJson(text) : readFormBody(form);
    const unmet = findUnmetCondition(body, link.where);
    if (unmet !== undefined) {
      c.get('log').ignored = unmet;
      return respond(c, 204, null);
    }
    const value = await readValue(body, link);
    const delivery =
      link.delivery === undefined ? named : createDeliveryIdFromBody(body, link.delivery);
    const row = await updateEvaluationByLink(getOperationContext(c), link, value, {
      versions,
      key: delivery,
    });
    return respondResource(c, 200, toResource(row));
  });

  routes.all(LINK_PATH, methodNotAllowed('GET, HEAD, POST'));

  routes.onError(async (thrown, c) => {
    if (!wantsPage(c)) return renderFailure(thrown, c);
    const { status, error, headers } = describeFailure(thrown, c);
    const answer = c.get('answer');
    // Sending a too long answer again cannot succeed.
    const again = answer && !findLengthFault(answer) ? answer : undefined;
    return respondPage(c, status, await renderFailurePage(status, error, again), headers);
  });
  return routes;
}

function readDeliveryId({ req }: Context<LinkEnv>): string | undefined {
  const sent = readKey(req.raw.headers, DELIVERY_HEADERS);
  return sent && createDeliveryIdFromHeader(sent.header, sent.key, req.header('ce-source'));
}

const FORM = /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i;
const declaresForm = (c: Context<LinkEnv>) => FORM.test(c.req.header('content-type') ?? '');

/**
 * Returns true if the response must be a page, and false if it must be JSON. Java's HTTP client
 * accepts HTML and declares a form, but sends JSON, so headers alone do not decide.
 */
function wantsPage(c: Context<LinkEnv>): boolean {
  const accept = c.req.header('accept') ?? '';
  const takesHtml = accept.includes('text/html');
  if (c.req.method === 'POST') return takesHtml && declaresForm(c) && c.get('answer') !== null;
  return (
    (c.req.method === 'GET' || c.req.method === 'HEAD') && (takesHtml || !accept.includes('json'))
  );
}

function createRefusedState({ code }: Failure, sentence: string, answer: Answer): PageState {
  const text = answer.text.slice(0, ANSWER_MAX_CHARS);
  return code === 'precondition_failed'
    ? { kind: 'changed', text }
    : { kind: 'refused', sentence, text };
}

async function respondPage(
  c: Context<LinkEnv>,
  status: number,
  page: string,
  headers = {},
): Promise<Response> {
  const style = await hashStyle();
  return respond(c, status, page, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; img-src data:; style-src ${style}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex, nofollow',
    'x-frame-options': 'DENY',
    ...headers,
  });
}
