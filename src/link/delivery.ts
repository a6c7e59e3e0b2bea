/**
 * Reads the id of a delivery: one event that a sender posts. If two deliveries have the same id,
 * the Worker stores only one. README.md lists the senders and their headers.
 */
import { unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import { describeFound } from './value.ts';

/**
 * The headers that may contain the id of a delivery, in order of precedence. Keep `idempotency-key`
 * before `x-gitlab-event-uuid`, which GitLab changes when somebody resends an event.
 */
export const DELIVERY_HEADERS = [
  'idempotency-key',
  'webhook-id',
  'svix-id',
  'x-github-delivery',
  'x-gitlab-event-uuid',
  'ce-id',
  'x-amz-sns-message-id',
  'linear-delivery',
  'x-shopify-webhook-id',
  'upstash-message-id',
  'x-atlassian-webhook-identifier',
  'x-contentful-idempotency-key',
  'x-pandadoc-webhook-event-id',
  'i-twilio-idempotency-token',
] as const;

/**
 * Creates the id of a delivery from the name and the text of a header. A CloudEvent is identified
 * by its id and its source together (CloudEvents 1.0, id).
 */
export const createDeliveryIdFromHeader = (
  header: string,
  key: string,
  source: string | undefined,
) => (header === 'ce-id' ? `${header} ${key} ${source ?? ''}` : `${header} ${key}`);

/**
 * Creates the id of a delivery from the body. The id begins with `body`; an id from a header never
 * does.
 * @throws {Failure} `unprocessable` if the body has neither a text nor a safe integer at the
 * pointer, or if the text is empty.
 */
export function createDeliveryIdFromBody(body: unknown, pointer: string): string {
  const found = valueAtPointer(body, pointer);
  if (Number.isSafeInteger(found) || (typeof found === 'string' && found !== ''))
    return `body ${JSON.stringify(found)}`;
  throw unprocessable(
    `What ${pointer} finds in the body is ${describeFound(found)}: it must be the text or whole number that names the delivery.`,
  );
}
