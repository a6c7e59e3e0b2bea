/**
 * Creates and changes labels, and notes what their callers know. A label has no history: the row is
 * its last change. Each is created with an Idempotency-Key and without an id. The name is unique,
 * so it tells whether a label was created twice.
 */
import { randomUUID } from 'node:crypto';
import type { EvaluationLabel } from '../../src/label/read.ts';
import { readAll } from './audit.ts';
import { ACCOUNTS } from './tokens.ts';
import { buildHeaders, pickAuthor, type World } from './world.ts';
import { told } from './writes.ts';

/**
 * The author of a sent description, which is unique over the soak. `at` is undefined until the
 * Worker acknowledges it.
 */
type Sent = { readonly author: string; at: string | undefined };

type Known = {
  readonly account: string;
  readonly name: string;
  /** The id is undefined until the Worker acknowledges a creation. */
  id: string | undefined;
  readonly sent: Map<string, Sent>;
  /** The latest time that was acknowledged. */
  latest: string;
};

const LABELS = '/v1/evaluation-labels';

export function createLabels() {
  const known: Known[] = [];

  async function create(world: World): Promise<void> {
    const label: Known = {
      account: world.random.pick(ACCOUNTS),
      name: `label ${world.nextValue()}`,
      id: undefined,
      sent: new Map(),
      latest: '',
    };
    known.push(label);
    await send(
      world,
      label,
      'create label',
      { method: 'POST', path: LABELS },
      { name: label.name, value_type: 'binary' },
    );
  }

  async function update(world: World): Promise<void> {
    const existing = known.filter(({ id }) => id !== undefined);
    if (existing.length === 0) return create(world);
    const label = world.random.pick(existing);
    await send(
      world,
      label,
      'update label',
      { method: 'PUT', path: `/v1/evaluation-label/${label.id}` },
      {},
    );
  }

  async function send(
    world: World,
    label: Known,
    kind: string,
    target: { readonly method: string; readonly path: string },
    fields: object,
  ): Promise<void> {
    const [author, description] = [pickAuthor(world), `description ${world.nextValue()}`];
    const sent: Sent = { author, at: undefined };
    label.sent.set(description, sent);
    const headers = {
      ...(await buildHeaders(world, author, label.account)),
      'idempotency-key': randomUUID(),
    };
    const body = JSON.stringify({ ...fields, description });
    const { answer, uncertain } = await world.caller.call({ kind, ...target, headers, body });
    if (answer.status === 503) return;
    const legal = target.method === 'PUT' ? [200] : uncertain === 0 ? [201] : [200, 201];
    if (!legal.includes(answer.status))
      return world.findings.violate('refused', `${kind} answered ${told(answer)}`);
    const row = answer.body as EvaluationLabel;
    label.id = row.id;
    sent.at = row.updated_at ?? row.created_at;
    if (sent.at > label.latest) label.latest = sent.at;
    const isAsSent =
      row.description === description && (row.updated_by ?? row.created_by) === author;
    if (!isAsSent)
      world.findings.violate('acknowledgement', `${description} of ${author}: ${told(answer)}`);
  }

  /**
   * Returns how many labels there are. Each must be stored once, as its last acknowledged change or
   * one in doubt left it.
   */
  async function audit(world: World): Promise<number> {
    const violate = (sentence: string) => world.findings.violate('audit', sentence);
    const rows: EvaluationLabel[] = [];
    for (const account of ACCOUNTS)
      rows.push(...(await readAll<EvaluationLabel>(world, account, `${LABELS}?limit=100`)));
    const own = rows.filter(({ id }) => id !== world.label.id);
    for (const { id, name } of own) {
      if (!known.some((label) => label.name === name))
        violate(`label ${id} is stored, and nobody created it`);
    }
    for (const { id, name, sent, latest } of known) {
      const [row, ...others] = own.filter((stored) => stored.name === name);
      if (others.length > 0) violate(`${name} is stored ${others.length + 1} times`);
      if (!row) {
        if (id !== undefined) violate(`${name} was acknowledged and is not stored`);
        continue;
      }
      const at = row.updated_at ?? row.created_at;
      const change = sent.get(row.description ?? '');
      const told = `${name}: ${row.description} of ${row.updated_by ?? row.created_by} at ${at}`;
      if (change?.author !== (row.updated_by ?? row.created_by)) violate(`${told} was never sent`);
      else if (change.at !== undefined && change.at !== at)
        violate(`${told} was acknowledged at ${change.at}`);
      if (at < latest) violate(`${told} is stored, but ${latest} was acknowledged`);
    }
    return own.length;
  }

  return { create, update, audit };
}
