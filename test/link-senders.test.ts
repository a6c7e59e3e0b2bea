/** Tests each sender in the table of src/link/README.md, such as a survey service. */
import { describe, expect, it } from 'vitest';
import { followSteps, parsePointer } from '../src/pointer.ts';
import { createLinkTo, visit } from './support/links.ts';
import { encodeAs, SENDER_LINKS, type SenderLink } from './support/senders.ts';
import {
  putValue,
  readEvaluation,
  readHistory,
  requirePresent,
  storeLabelled,
  worker,
} from './support/worker.ts';

const prepare = async ({ label, link }: SenderLink) => {
  const row = await storeLabelled(label);
  return { row, ...(await createLinkTo(row, { ...link, name: 'hook' })) };
};

const send = (url: string, { as, sent }: SenderLink, body: unknown = sent.body) =>
  worker(visit(url, { method: 'POST', headers: sent.headers, body: encodeAs(as, body) }));

/** Copies `body` with `value` at `pointer`. If `value` is undefined, the copy has nothing there. */
function copyWith(body: unknown, pointer: string, value: unknown): unknown {
  const copy: unknown = structuredClone(body);
  const steps = [...requirePresent(parsePointer(pointer))];
  const last = requirePresent(steps.pop());
  const parent = followSteps(copy, steps);
  if (Array.isArray(parent))
    parent.splice(Number(last), 1, ...(value === undefined ? [] : [value]));
  else Reflect.set(requirePresent(parent) as object, last, value);
  return copy;
}

const isNamed = ({ link, sent }: SenderLink) =>
  link.delivery !== undefined ||
  Object.keys(sent.headers).some((name) => /-delivery$|^idempotency-key$|-token$/.test(name));

const ON_WORKERS_DEV = 'https://run-evaluation.example-team.workers.dev';

describe('a sender of the table', () => {
  it.each(SENDER_LINKS)(
    'gets a link of 270 to 480 characters on workers.dev: $name',
    async (sender) => {
      const { url } = await prepare(sender);

      const { length } = ON_WORKERS_DEV + url.slice(new URL(url).origin.length);

      expect(length).toBeGreaterThanOrEqual(270);
      expect(length).toBeLessThanOrEqual(480);
    },
  );

  it.each(SENDER_LINKS)('stores the value of its own event: $name', async (sender) => {
    const { row, url } = await prepare(sender);

    expect((await send(url, sender)).status).toBe(200);
    expect(await readEvaluation(row.id)).toMatchObject({ value: sender.value });
  });

  it.each(SENDER_LINKS.flatMap((sender) => sender.others.map((event) => ({ ...event, sender }))))(
    'does not store another event: $sender.name, $what',
    async ({ sender, at, is, status }) => {
      const { row, url } = await prepare(sender);
      const body = copyWith(sender.sent.body, at, is);

      expect((await send(url, sender, body)).status).toBe(status);
      expect(await readEvaluation(row.id)).toEqual(row);
    },
  );

  it.each(SENDER_LINKS.filter(isNamed))(
    "does not undo a person's correction by a redelivery: $name",
    async (sender) => {
      const { row, url } = await prepare(sender);
      await send(url, sender);
      const corrected = sender.value === 1 ? 0 : 1;
      expect((await worker(await putValue(row, corrected))).status).toBe(200);

      expect((await send(url, sender)).status).toBe(200);
      expect(await readEvaluation(row.id)).toMatchObject({ value: corrected });
      expect(await readHistory(row.id)).toHaveLength(2);
    },
  );
});
