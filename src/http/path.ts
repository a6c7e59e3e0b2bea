/** Ids in a path: UUIDs without regard to case, in the lower case that is stored (RFC 9562 §4). */
import { Failure } from '../failure.ts';
import { UUID } from '../uuid.ts';

/** @throws {Failure} `malformed` when the path parameter is not a UUID. */
export function uuidOf(name: string, parameter: string): string {
  if (!UUID.test(parameter)) {
    throw new Failure({
      kind: 'malformed',
      error: `The ${name} in the path must be a UUID, such as 018f4d3c-7a10-7c4e-9b52-3f6e0d9a1c01.`,
    });
  }
  return parameter.toLowerCase();
}
