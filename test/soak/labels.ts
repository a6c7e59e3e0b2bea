/**
 * Creates and updates labels, and audits the stored labels. A label has no history, so the audit
 * checks only the latest change.
 */
import { randomUUID } from 'node:crypto';
import type { EvaluationLabel } from '../../src/label/read.ts';
import { readAll } from './audit.ts';
import { ACCOUNTS } from './tokens.ts';
import { buildHeaders, pickAuthor, type World } from './world.ts';
import { describeAnswer } from './writes.ts';

/** A change to a label. `at` is undefined until the Worker acknowledges the change. */
type Sent = { readonly author: string; at: string | undefined };

type Known = {
  readonly account: string;
  readonly name: string;
  /** Undefined until the Worker acknowledges the creation. */
  id: string | undefined;
  /** Maps each description to the change that sent it. */
  readonly sent: Map<string, Sent>;
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
      return world.findings.violate('refused', `${kind} answered ${describeAnswer(answer)}`);
    const row = answer.body as EvaluationLabel;
    label.id = row.id;
    sent.at = row.updated_at ?? row.created_at;
    if (sent.at > label.latest) label.latest = sent.at;
    const isAsSent =
      row.description === description && (row.updated_by ?? row.created_by) === author;
    if (!isAsSent)
      world.findings.violate(
        'acknowledgement',
        `${description} of ${author}: ${describeAnswer(answer)}`,
      );
  }

  /**
   * Checks that each label is stored once, and that no acknowledged change is lost. Returns the
   * number of stored labels.
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
      const described = `${name}: ${row.description} of ${row.updated_by ?? row.created_by} at ${at}`;
      if (change?.author !== (row.updated_by ?? row.created_by))
        violate(`${described} was never sent`);
      else if (change.at !== undefined && change.at !== at)
        violate(`${described} was acknowledged at ${change.at}`);
      if (at < latest) violate(`${described} is stored, but ${latest} was acknowledged`);
    }
    return own.length;
  }

  return { create, update, audit };
}
