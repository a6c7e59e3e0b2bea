/** The load: so many loops, each with one request at a time, until the time is over. */
import { setTimeout as pause } from 'node:timers/promises';
import { sendBadInput } from './bad-input.ts';
import { getEvaluation, getIfChanged, listEvaluations } from './reads.ts';
import { pickLedger, type World } from './world.ts';
import { createEvaluation, updateEvaluation } from './writes.ts';

/** Of all turns. A turn of a conditional update is two requests, so this makes five in a hundred requests. */
const BAD_INPUT = 0.0625;
const FIRST_EVALUATIONS = 48;
/** Where workerd is gone, 64 loops must not spin. */
const BROKEN_PAUSE_MS = 500;

export type BadInputs = { sent: number; refused: number; unanswered: number };

/** By weight, of a hundred. */
const TURNS: readonly (readonly [number, (world: World) => Promise<unknown>])[] = [
  [10, createEvaluation],
  [30, (world) => updateEvaluation(world, false)],
  [22, (world) => updateEvaluation(world, true)],
  [18, (world) => getEvaluation(world, pickLedger(world))],
  [5, getIfChanged],
  [15, listEvaluations],
];

const choices = TURNS.flatMap(([weight, turn]) => Array.from({ length: weight }, () => turn));

export async function applyLoad(world: World, connections: number, isOver: () => boolean): Promise<BadInputs> {
  const bad: BadInputs = { sent: 0, refused: 0, unanswered: 0 };
  while (world.existing.length < FIRST_EVALUATIONS) await createEvaluation(world);

  const loop = async () => {
    while (!isOver()) {
      try {
        if (world.random.chance(BAD_INPUT)) {
          bad.sent += 1;
          const refused = await sendBadInput(world);
          if (refused === undefined) bad.unanswered += 1;
          else if (refused) bad.refused += 1;
        } else await world.random.pick(choices)(world);
      } catch (thrown) {
        world.findings.violate('no answer', thrown instanceof Error ? thrown.message : String(thrown));
        await pause(BROKEN_PAUSE_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  return bad;
}
