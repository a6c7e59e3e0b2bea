/**
 * The caller's name for a write, by which a repetition is recognised: Idempotency-Key (IETF draft
 * idempotency-key-header), or what webhook senders call it (Standard Webhooks, Svix).
 */
import { malformed } from '../failure.ts';

/** In the order in which they are looked for: a sender that sets the first means it. */
const IDEMPOTENCY_HEADERS = ['idempotency-key', 'webhook-id', 'svix-id'] as const;

/** Visible ASCII without quotes; or the same in quotes, as the draft writes it (of RFC 9651's strings, those without spaces and escapes). */
const KEY = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** @throws {Failure} `malformed` if there is one that is no key: to ignore it would store a repetition. */
export function readIdempotencyKey(headers: Headers): string | undefined {
  const name = IDEMPOTENCY_HEADERS.find((header) => headers.has(header));
  if (name === undefined) return undefined;
  const [, quoted, plain] = KEY.exec(headers.get(name) ?? '') ?? [];
  const key = quoted ?? plain;
  if (key !== undefined) return key;
  throw malformed(
    `The header ${name} must be 1 to 255 visible ASCII characters without quotes inside; quotes around them are optional.`,
  );
}
