/**
 * Reads the id of a delivery. A delivery is one event that a sender posts. If the sender posts the
 * event again, the id is the same, so the Worker recognises the retry and stores nothing. Otherwise
 * the retry could replace a newer value by the old value. The id is in a header or in the body.
 * README.md lists the senders and their headers.
 */
import { unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import { describeFound } from './value.ts';

/**
 * The headers that may contain the id of a delivery. A retry has the same id. If a request has
 * several of these headers, the Worker uses the one that comes first in this list.
 * The order matters for GitLab, which sends `idempotency-key` and `x-gitlab-event-uuid`. If
 * somebody resends an event, GitLab keeps `idempotency-key`, but changes `x-gitlab-event-uuid`.
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
 * Creates the id of a delivery from a header: the header's name and the header's text, such as
 * `webhook-id msg_1`. The id contains the name, so the text `1` in two different headers gives two
 * different ids.
 * A CloudEvent (a request with the header `ce-id`) is identified by its id and its source together
 * (CloudEvents 1.0, id). So its delivery id also contains the text of `ce-source`.
 */
export const createDeliveryIdFromHeader = (
  header: string,
  key: string,
  source: string | undefined,
) => (header === 'ce-id' ? `${header} ${key} ${source ?? ''}` : `${header} ${key}`);

/**
 * Creates the id of a delivery from the body. The id begins with the word `body`, so it never
 * equals an id from a header.
 * @throws {Failure} `unprocessable` if the body has neither a text nor a safe integer at the
 * pointer, or if the text is empty. Without an id, the Worker could not recognise a retry, and the
 * retry could replace a newer value.
 */
export function createDeliveryIdFromBody(body: unknown, pointer: string): string {
  const found = valueAtPointer(body, pointer);
  if (Number.isSafeInteger(found) || (typeof found === 'string' && found !== ''))
    return `body ${JSON.stringify(found)}`;
  throw unprocessable(
    `What ${pointer} finds in the body is ${describeFound(found)}: it must be the text or whole number that names the delivery.`,
  );
}
