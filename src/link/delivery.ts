/**
 * Names a delivery, so that a sender that repeats it undoes nothing that was stored since. Senders
 * name a delivery in a header of their own, or in the body. README.md says of each what a retry
 * keeps.
 */
import { unprocessable } from '../failure.ts';
import { valueAtPointer } from '../pointer.ts';
import { describeFound } from './value.ts';

/**
 * The headers that name a delivery and that a retry keeps. The first one that was sent counts.
 * GitLab sends two of them, and a retry renews the second.
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
 * Returns the name of a delivery that came with a header. Two headers never give the same name. The
 * id of a CloudEvent is unique only together with its source (CloudEvents 1.0, id).
 */
export const nameDeliveryByHeader = (header: string, key: string, source: string | undefined) =>
  header === 'ce-id' ? `${header} ${key} ${source ?? ''}` : `${header} ${key}`;

/**
 * Returns the name of a delivery that the body names. No header gives the same name.
 * @throws {Failure} `unprocessable` if there is no text and no whole number that is exact: without the
 * name, a repetition could undo what was stored since.
 */
export function nameDeliveryByBody(body: unknown, pointer: string): string {
  const found = valueAtPointer(body, pointer);
  if (Number.isSafeInteger(found) || (typeof found === 'string' && found !== ''))
    return `body ${JSON.stringify(found)}`;
  throw unprocessable(
    `What ${pointer} finds in the body is ${describeFound(found)}: it must be the text or whole number that names the delivery.`,
  );
}
