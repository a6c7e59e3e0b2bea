/**
 * Creates, uses and revokes links, and notes what their callers know. A value sent through a
 * revoked link must never be stored. Neither must a value whose event does not fit the `where`.
 */
import { randomUUID } from 'node:crypto';
import { callInAudit } from './audit.ts';
import type { Ledger } from './ledger.ts';
import { buildHeaders, buildPath, pickAuthor, pickLedger, type World } from './world.ts';
import { sendUpdate, told } from './writes.ts';

type Link = {
  readonly id: string;
  /** The path, with the key, to which a machine posts a value. */
  readonly path: string;
  readonly author: string;
  readonly ledger: Ledger;
  revocation: 'none' | 'sent' | 'acknowledged';
};

/** The conditions of each link. */
const FOR_SCORES = { path: "$.answers[?@.ref=='score'].number", where: { '/kind': 'answers' } };

/** Beginnings of events that no link accepts. */
const OTHERS = [{}, { kind: 'answer' }, { kind: 'ANSWERS' }, { kind: ['answers'] }, { kind: null }];

/** Makes a body, which fits each link unless it begins in another way. */
const makeEvent = (value: number, begin: object = { kind: 'answers' }) =>
  JSON.stringify({
    ...begin,
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
      body: JSON.stringify(FOR_SCORES),
    };
    const { answer } = await world.caller.call(call);
    if (answer.status === 503) return;
    if (answer.status !== 201)
      return world.findings.violate('refused', `${call.kind} answered ${told(answer)}`);
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
    await sendUpdate(world, ledger, { call, author, value, once: true, mayBeGone });
  }

  /**
   * Posts an event that does not fit the link's `where`. No ledger contains its value, so the audit
   * would report a stored one as never sent.
   */
  async function ignore(world: World): Promise<void> {
    const link = pickOpen(world);
    if (!link) return make(world);
    const { answer } = await world.caller.call({
      kind: 'ignored by link',
      method: 'POST',
      path: link.path,
      headers: { 'content-type': 'application/json', 'webhook-id': randomUUID() },
      body: makeEvent(world.nextValue(), world.random.pick(OTHERS)),
    });
    if (answer.status === 204) ignored += 1;
    else if (answer.status !== 503)
      world.findings.violate('where', `an event that does not fit answered ${told(answer)}`);
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
      world.findings.violate('refused', `revoke link answered ${told(answer)}`);
  }

  /**
   * Returns how many revocations were acknowledged, and how many events were stored or ignored. Each
   * revocation must still be in force.
   */
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
        findings.violate('audit', `the revoked link ${id} answered ${told(answer)}`);
    }
    const stored = fitting.filter(({ ledger, value }) => ledger.sent.get(value)?.acknowledged.size);
    return { revoked: revoked.length, stored: stored.length, ignored };
  }

  return { make, update, ignore, revoke, audit };
}
