/**
 * Sends requests that the Worker must refuse. If the Worker stores a bad value, the audit reports
 * that nobody sent this value.
 */
import { randomUUID } from 'node:crypto';
import type { Call } from './caller.ts';
import type { Ledger } from './ledger.ts';
import { buildHeaders, buildPath, pickAuthor, pickLedger, type World } from './world.ts';

type BadInput = {
  readonly status: number;
  readonly method?: string;
  readonly path?: string;
  /** Replaces default headers of the request. Null removes a header. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string;
};

const OVER_64_KIB = ' '.repeat(64 * 1024);

function listBadInputs({ tokens, label, nextValue }: World, ledger: Ledger): readonly BadInput[] {
  const { stranger, expired, forged, confined } = tokens.hostile;
  const legal = JSON.stringify({ value: nextValue() });
  const path = buildPath(ledger);
  const run = path.slice(0, path.indexOf('/evaluation/'));
  const list = `${run}/evaluations`;
  const taken = { id: ledger.id, evaluation_label_id: label.id, value: nextValue() };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const creation = (fields: object) => ({
    method: 'POST',
    path: list,
    body: JSON.stringify({ ...taken, ...fields }),
  });
  return [
    { status: 400, body: '{"value":' },
    { status: 400, body: '[7]' },
    { status: 400, body: '{"value":"7"}' },
    { status: 400, body: '{"value":1e400}' },
    { status: 400, body: '{}' },
    { status: 400, body: legal, headers: { 'if-match': '2026-11-01' } },
    { status: 400, body: legal, headers: { 'if-none-match': '*' } },
    { status: 400, body: legal, headers: { 'content-range': 'bytes 0-9/20' } },
    { status: 400, body: legal, path: `${path}x` },
    { status: 400, method: 'GET', path: `${list}?cursor=bm8` },
    { status: 400, method: 'GET', path: `${list}?limit=0` },
    { status: 400, method: 'GET', path: `${path}/history?limit=1001` },
    { status: 400, ...creation({ id: 'mine' }) },
    { status: 401, body: legal, headers: { authorization: null } },
    { status: 401, body: legal, headers: bearer(expired) },
    { status: 401, body: legal, headers: bearer(forged) },
    { status: 401, body: legal, headers: bearer('x'.repeat(9000)) },
    { status: 404, body: legal, headers: bearer(stranger) },
    { status: 404, body: legal, headers: bearer(confined) },
    { status: 404, body: legal, path: path.replace(run, `/v1/run/${randomUUID()}`) },
    { status: 404, body: legal, path: `${path}/value` },
    { status: 404, ...creation({ id: randomUUID(), evaluation_label_id: randomUUID() }) },
    { status: 405, method: 'PATCH' },
    { status: 409, ...creation({}) },
    { status: 412, body: legal, headers: { 'if-match': '"1970-01-01T00:00:00.000Z"' } },
    { status: 412, body: legal, headers: { 'if-match': 'W/"2026-11-01T09:00:00.000Z"' } },
    { status: 413, body: `{"value":1,"note":"${OVER_64_KIB}"}` },
    { status: 415, body: legal, headers: { 'content-type': 'text/plain' } },
    { status: 415, body: legal, headers: { 'content-encoding': 'gzip' } },
    { status: 422, body: JSON.stringify({ value: label.max * 2 }) },
    { status: 422, body: JSON.stringify({ value: nextValue(), output_name: 'another' }) },
    { status: 422, ...creation({ id: randomUUID(), value: label.min - 1 }) },
    { status: 422, ...creation({ id: randomUUID(), created_at: '2026-11-01T09:00:00.000Z' }) },
  ];
}

/** Sends a random bad input. Returns true for the right status, and undefined for a 503. */
export async function sendBadInput(world: World): Promise<boolean | undefined> {
  const ledger = pickLedger(world);
  const { status, headers = {}, ...bad } = world.random.pick(listBadInputs(world, ledger));
  const all = { ...(await buildHeaders(world, pickAuthor(world), ledger.account)), ...headers };
  const sent = Object.entries(all).filter(
    (header): header is [string, string] => header[1] !== null,
  );
  const call: Call = {
    kind: 'bad input',
    method: 'PUT',
    path: buildPath(ledger),
    ...bad,
    headers: Object.fromEntries(sent),
  };
  const { answer } = await world.caller.call(call);
  if (answer.status === 503) return undefined;
  if (answer.status === status) return true;
  const input = `${call.method} ${call.path} ${JSON.stringify(headers)} ${call.body?.slice(0, 100)}`;
  world.findings.violate('bad input', `${input} answered ${answer.status} instead of ${status}`);
  return false;
}
