/** Calls the Worker's operations as the routes do, but without HTTP. */
import type { Clock } from '../../src/clock.ts';
import { connect, type OperationContext, type Store } from '../../src/db/connection.ts';
import { nameWrite } from '../../src/db/write.ts';
import { createEvaluation } from '../../src/evaluation/create.ts';
import { deleteEvaluation } from '../../src/evaluation/delete.ts';
import {
  type EvaluationRow,
  getEvaluation,
  listEvaluations,
  listReplacedValues,
} from '../../src/evaluation/read.ts';
import { updateEvaluation } from '../../src/evaluation/update.ts';
import { Failure } from '../../src/failure.ts';
import { createEvaluationLabel } from '../../src/label/create.ts';
import { listEvaluationLabels } from '../../src/label/read.ts';
import { updateEvaluationLabel } from '../../src/label/update.ts';
import { answerOnPage, readLinkPage, updateEvaluationByLink } from '../../src/link/answer.ts';
import { createEvaluationLink } from '../../src/link/create.ts';
import { createLinkPrincipal } from '../../src/link/key.ts';
import { revokeEvaluationLink } from '../../src/link/revoke.ts';
import type { AccountId, Principal } from '../../src/principal.ts';
import { type Intent, type Outcome, PAGE_MAX_ENTRIES, type Request } from './world.ts';

type Reply = Pick<Request, 'row' | 'replaced' | 'updatedLabel'> & { readonly outcome: Outcome };

export async function performRequest(request: Request, store: Store, clock: Clock): Promise<void> {
  const connection = connect(store, clock);
  const [principal, uuid] = [findPrincipal(request.intent), crypto.randomUUID()];
  const context = { principal, connection, now: request.now, uuid };
  try {
    Object.assign(request, await runOperation(request, context));
  } catch (thrown) {
    request.outcome = thrown instanceof Failure ? thrown.code : 'broken';
    if (!(thrown instanceof Failure)) request.error = String(thrown);
  }
}

export function createPrincipal(account: AccountId, subject: string): Principal {
  const none = { evaluator: undefined, run: undefined, evaluation: undefined, link: undefined };
  return { account, subject, ...none, keyId: undefined };
}

function findPrincipal({ operation, link, author, target }: Intent): Principal {
  const isThroughLink = operation === 'update' || operation === 'open page';
  return link && isThroughLink
    ? createLinkPrincipal(link)
    : createPrincipal(target.account, author);
}

const showRow = (row: EvaluationRow): Reply => ({ outcome: 'ok', row });
/** The lifetime of a link: longer than a run, so no link expires. */
const LINK_SECONDS = 86_400;

async function runOperation(request: Request, context: OperationContext): Promise<Reply> {
  const { operation, target, value, key, versions, link, isOnPage } = request.intent;
  const { id, run: run_id, label } = target;
  const path = { run_id: request.intent.hasWrongRunInPath ? label.id : run_id, id };
  const page = { after: undefined, limit: PAGE_MAX_ENTRIES };
  switch (operation) {
    case 'create': {
      const content = { evaluation_label_id: label.id, output_name: null, field_path: null };
      const body = { ...content, value, id: target.key === undefined ? id : undefined, sent: {} };
      const { row, created } = await createEvaluation(context, run_id, body, target.key);
      return { outcome: created ? 'created' : 'ok', row };
    }
    case 'update': {
      if (link && isOnPage) {
        const sent = { version: versions?.[0] ?? '', text: `${value}` };
        const { row, refusal } = await answerOnPage(context, link, sent);
        return { outcome: refusal ? refusal.code : 'ok', row: pickEvaluation(row) };
      }
      if (link)
        return showRow(await updateEvaluationByLink(context, link, value, { versions, key }));
      const write = await nameWrite(context, { versions, key });
      const immutable = request.intent.hasWrongRunInBody ? { run_id: id } : { run_id };
      return showRow(await updateEvaluation(context, path, { value, immutable }, write));
    }
    case 'delete': {
      const write = await nameWrite(context, { versions, key });
      request.writeId = write.write_id;
      await deleteEvaluation(context, path, write);
      return { outcome: 'ok' };
    }
    case 'get':
      return showRow(await getEvaluation(context, path));
    case 'list': {
      const { rows } = await listEvaluations(context, run_id, undefined, page);
      const row = rows.find((one) => one.id === id);
      return row ? showRow(row) : { outcome: 'not_found' };
    }
    case 'history': {
      const replaced = await listReplacedValues(context, path, page);
      return { outcome: 'ok', replaced: replaced.map(({ replaced_at }) => replaced_at) };
    }
    case 'open page':
      return link ? showRow(pickEvaluation(await readLinkPage(context, link))) : { outcome: 'ok' };
    case 'create link': {
      const options = { name: undefined, pointer: '/value', path: undefined, values: {} };
      const more = { where: undefined, delivery: undefined, sent: {}, expires_in: LINK_SECONDS };
      let made = link;
      const sign = async (signed: typeof made & object) => {
        made = signed;
        return 'key';
      };
      await createEvaluationLink(context, path, { ...options, ...more }, sign, (text) => text);
      if (made) target.links.push(made);
      return { outcome: 'ok' };
    }
    case 'revoke link':
      if (link) await revokeEvaluationLink(context, path, link.id);
      return { outcome: 'ok' };
    case 'create label': {
      const create = { id: label.id, content: label.content, sent: {} };
      const { row } = await createEvaluationLabel(context, create, undefined);
      label.version = row.updated_at ?? row.created_at;
      return { outcome: 'ok' };
    }
    case 'update label': {
      const { archived } = request.intent;
      const name = archived === undefined ? `name ${request.intent.value}` : undefined;
      const update = { name, description: undefined, archived, immutable: {} };
      const write = await nameWrite(context, { versions, key });
      const row = await updateEvaluationLabel(context, label.id, update, write);
      label.version = row.updated_at ?? row.created_at;
      return { outcome: 'ok', updatedLabel: row };
    }
    case 'read labels':
      await listEvaluationLabels(context, page);
      return { outcome: 'ok' };
  }
}

function pickEvaluation(row: Awaited<ReturnType<typeof readLinkPage>>): EvaluationRow {
  const { name, description, value_type, min_value, max_value, categories, earlier, ...own } = row;
  return own;
}
