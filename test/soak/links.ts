/**
 * Creates, uses and revokes links, and audits the revoked links. An event is the JSON that a
 * machine posts to a link.
 */
import { randomUUID } from 'node:crypto';
import { callInAudit } from './audit.ts';
import type { Ledger } from './ledger.ts';
import { buildHeaders, buildPath, pickAuthor, pickLedger, type World } from './world.ts';
import { describeAnswer, sendUpdate } from './writes.ts';

type Link = {
  readonly id: string;
  readonly path: string;
  readonly author: string;
  readonly ledger: Ledger;
  revocation: 'none' | 'sent' | 'acknowledged';
};

const LINK_FOR_SCORES = {
  path: "$.answers[?@.ref=='score'].number",
  where: { '/kind': 'answers' },
};

/** The first fields of events that do not match the `where` of LINK_FOR_SCORES. */
const MISMATCHES = [
  {},
  { kind: 'answer' },
  { kind: 'ANSWERS' },
  { kind: ['answers'] },
  { kind: null },
];

const makeEvent = (value: number, firstFields: object = { kind: 'answers' }) =>
  JSON.stringify({
    ...firstFields,
    answers: [
      { ref: 'stars', number: 0 },
      { ref: 'score', number: value },
    ],
  });

export function createLinks() {
  const links: Link[] = [];
  const fitting: { readonly ledger: Ledger; readonly value: number }[] = [];
  let ignored = 0;
  const pickOpen = ({ random }: World): Link | undefined => {
    const open = links.filter(({ revocation }) => revocation === 'none');
    return open.length === 0 ? undefined : random.pick(open);
  };

  async function make(world: World): Promise<void> {
    const [ledger, maker] = [pickLedger(world), pickAuthor(world)];
    const headers = await buildHeaders(world, maker, ledger.account);
    const call = {
      kind: 'create link',
      method: 'POST',
      path: `${buildPath(ledger)}/links`,
      headers,
      body: JSON.stringify(LINK_FOR_SCORES),
    };
    const { answer } = await world.caller.call(call);
    if (answer.status === 503) return;
    if (answer.status !== 201)
      return world.findings.violate('refused', `${call.kind} answered ${describeAnswer(answer)}`);
    const { id, url, author } = answer.body as {
      readonly id: string;
      readonly url: string;
      readonly author: string;
    };
    const { pathname, search } = new URL(url);
    links.push({ id, path: pathname + search, author, ledger, revocation: 'none' });
  }

  async function update(world: World): Promise<void> {
    const link = pickOpen(world);
    if (!link) return make(world);
    const [{ path, author, ledger }, value] = [link, world.nextValue()];
    const headers = { 'content-type': 'application/json', 'webhook-id': randomUUID() };
    const call = {
      kind: 'update by link',
      method: 'POST',
      path,
      headers,
      body: makeEvent(value),
    };
    fitting.push({ ledger, value });
    const mayBeGone = () => link.revocation !== 'none';
    await sendUpdate(world, ledger, { call, author, value, hasKey: true, mayBeGone });
  }

  /**
   * Posts an event that does not match the link's `where`. The Worker must answer 204 and store
   * nothing.
   */
  async function ignore(world: World): Promise<void> {
    const link = pickOpen(world);
    if (!link) return make(world);
    const { answer } = await world.caller.call({
      kind: 'ignored by link',
      method: 'POST',
      path: link.path,
      headers: { 'content-type': 'application/json', 'webhook-id': randomUUID() },
      body: makeEvent(world.nextValue(), world.random.pick(MISMATCHES)),
    });
    if (answer.status === 204) ignored += 1;
    else if (answer.status !== 503)
      world.findings.violate(
        'where',
        `an event that does not fit answered ${describeAnswer(answer)}`,
      );
  }

  async function revoke(world: World): Promise<void> {
    const link = pickOpen(world);
    if (!link) return make(world);
    link.revocation = 'sent';
    const path = `${buildPath(link.ledger)}/links/${link.id}`;
    const headers = await buildHeaders(world, pickAuthor(world), link.ledger.account);
    const { answer } = await world.caller.call({
      kind: 'revoke link',
      method: 'DELETE',
      path,
      headers,
    });
    if (answer.status === 204) link.revocation = 'acknowledged';
    else if (answer.status !== 503)
      world.findings.violate('refused', `revoke link answered ${describeAnswer(answer)}`);
  }

  /** Posts an event to each revoked link, and checks that the Worker answers 404. */
  async function audit({ caller, findings, nextValue }: World) {
    const revoked = links.filter(({ revocation }) => revocation === 'acknowledged');
    for (const { id, path } of revoked) {
      const headers = { 'content-type': 'application/json' };
      const call = {
        kind: 'audit',
        method: 'POST',
        path,
        headers,
        body: makeEvent(nextValue()),
      };
      const answer = await callInAudit(caller, call);
      if (answer.status !== 404)
        findings.violate('audit', `the revoked link ${id} answered ${describeAnswer(answer)}`);
    }
    const stored = fitting.filter(({ ledger, value }) => ledger.sent.get(value)?.acknowledged.size);
    return { revoked: revoked.length, stored: stored.length, ignored };
  }

  return { make, update, ignore, revoke, audit };
}
