/** What a caller asks of an update besides its content, from the headers of its request. */
import type { UpdateConditions } from '../db/operation.ts';
import type { AppContext } from './context.ts';
import { readIfMatch, refuseIfNoneMatch } from './etag.ts';
import { readIdempotencyKey } from './idempotency-key.ts';

/** @throws {Failure} `malformed`. */
export function readConditions({ req }: AppContext): UpdateConditions {
  refuseIfNoneMatch(req.header('if-none-match'));
  return {
    versions: readIfMatch(req.header('if-match')),
    key: readIdempotencyKey(req.raw.headers),
  };
}
