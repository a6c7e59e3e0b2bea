/**
 * Reads the name that a sender gives to a delivery, such as the id of an event. The name makes a
 * retry recognisable, so a repeated delivery does not undo a later write. The name is in a header
 * or in the body. README.md lists the senders and their headers.
 */
import { unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import { describeFound } from './value.ts';

/**
 * The headers that name a delivery and keep the name in a retry. If a request has several of them,
 * the first in this list counts. The order matters for GitLab: it sends `idempotency-key` and
 * `x-gitlab-event-uuid`, and changes the second if somebody resends the event.
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
 * Returns the name of a delivery from a header. The name contains the header's name too, so the
 * same text in two headers gives two names. The id of a CloudEvent is unique only together with its
 * source, so the name also contains `ce-source` (CloudEvents 1.0, id).
 */
export const nameDeliveryByHeader = (header: string, key: string, source: string | undefined) =>
  header === 'ce-id' ? `${header} ${key} ${source ?? ''}` : `${header} ${key}`;

/**
 * Returns the name of a delivery from the body. The name begins with `body`, so it never equals a
 * name from a header.
 * @throws {Failure} `unprocessable` if the pointer finds neither a text nor a safe integer. If this
 * function returned no name instead, a retry could undo a later write.
 */
export function nameDeliveryByBody(body: unknown, pointer: string): string {
  const found = valueAtPointer(body, pointer);
  if (Number.isSafeInteger(found) || (typeof found === 'string' && found !== ''))
    return `body ${JSON.stringify(found)}`;
  throw unprocessable(
    `What ${pointer} finds in the body is ${describeFound(found)}: it must be the text or whole number that names the delivery.`,
  );
}
