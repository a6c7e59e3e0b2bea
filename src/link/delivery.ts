/**
 * Names a delivery, so that a sender that repeats the delivery undoes no later write. Senders name
 * a delivery in a header of their own, or in the body. README.md lists what each sender keeps in a
 * retry.
 */
import { unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import { describeFound } from './value.ts';

/**
 * The headers that name a delivery and that a retry keeps. If a request has several of them, the
 * first in this list counts. GitLab sends two of them, and changes the later one in a retry.
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
 * Returns the name of a delivery that a header names. Names from two different headers are never
 * equal. The id of a CloudEvent is unique only together with its source (CloudEvents 1.0, id).
 */
export const nameDeliveryByHeader = (header: string, key: string, source: string | undefined) =>
  header === 'ce-id' ? `${header} ${key} ${source ?? ''}` : `${header} ${key}`;

/**
 * Returns the name of a delivery that the body names. A name from a header is never equal to it.
 * @throws {Failure} `unprocessable` if the pointer finds neither a text nor an exact whole number.
 * Without a name, a retry could undo a later write.
 */
export function nameDeliveryByBody(body: unknown, pointer: string): string {
  const found = valueAtPointer(body, pointer);
  if (Number.isSafeInteger(found) || (typeof found === 'string' && found !== ''))
    return `body ${JSON.stringify(found)}`;
  throw unprocessable(
    `What ${pointer} finds in the body is ${describeFound(found)}: it must be the text or whole number that names the delivery.`,
  );
}
