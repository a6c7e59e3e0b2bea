/** Compares the updates of a label with each other, because a label has no history. */
import type { Fault } from './check.ts';
import type { Label, Request } from './world.ts';

export function* checkLabel({ requests }: Label): Generator<Fault> {
  const updates = requests.filter(({ updatedLabel }) => updatedLabel !== undefined);
  for (const update of updates) {
    const { intent, updatedLabel, begin } = update;
    const { archived, versions, value } = intent;
    const isAsRequested =
      archived === undefined
        ? updatedLabel?.name === `name ${value}`
        : (updatedLabel?.archived_at !== null) === archived;
    if (!isAsRequested) yield ['lost', `the label is ${JSON.stringify(updatedLabel)}`, [update]];
    const others = updates.filter((one) => one.intent !== intent);
    const rival = others.find((one) => versions && one.intent.versions?.[0] === versions[0]);
    if (rival) yield ['two callers with one tag', `both replaced ${versions}`, [update, rival]];
    const later = others.find((one) => one.end < begin && readVersion(one) > readVersion(update));
    if (later) yield ['out of order', `${readVersion(later)} was shown before`, [update, later]];
  }
}

const readVersion = ({ updatedLabel }: Request) => updatedLabel?.updated_at ?? '';
