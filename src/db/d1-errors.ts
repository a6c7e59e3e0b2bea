/** What D1 says when it fails, as parts of the messages of its errors, by what is to be done (connection.ts). */

/** Safe to retry (D1: Debug D1, error list). */
export const TRANSIENT = [
  'Network connection lost',
  'D1 DB reset because its code was updated',
  'Internal error while starting up D1 DB storage caused object to be reset',
  'Internal error in D1 DB storage caused object to be reset',
  'Cannot resolve D1 DB due to transient issue on remote node',
  "Can't read from request stream because client disconnected",
];

/** Transient too, but an immediate retry makes it worse. */
export const OVERLOAD = [
  'overloaded',
  'exceeded timeout',
  'memory limit',
  'CPU time limit',
  'did not answer within',
];
