/**
 * Runs the mixed load: concurrent loops of random turns. A turn is one action of a caller, such as
 * an update.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sendBadInput } from './bad-input.ts';
import { getEvaluation, getIfChanged, listEvaluations } from './reads.ts';
import { pickLedger, type World } from './world.ts';
import { createEvaluation, deleteEvaluation, updateEvaluation } from './writes.ts';

/** The share of turns that send bad input, which is about 5 % of the requests. */
const BAD_INPUT_SHARE = 0.0625;
const FIRST_EVALUATIONS = 48;
/** After a failed turn, a loop waits this long before its next turn. */
const BROKEN_PAUSE_MS = 500;

export type BadInputs = { sent: number; refused: number; unanswered: number };

type Turn = (world: World) => Promise<unknown>;

/** Returns a list that contains a turn of weight 3 three times. */
export const repeatByWeight = (turns: readonly (readonly [number, Turn])[]): Turn[] =>
  turns.flatMap(([weight, turn]) => Array.from({ length: weight }, () => turn));

const TURNS = repeatByWeight([
  [10, createEvaluation],
  [3, deleteEvaluation],
  [20, (world) => updateEvaluation(world, 'update')],
  [10, (world) => updateEvaluation(world, 'update with a key')],
  [22, (world) => updateEvaluation(world, 'conditional update')],
  [18, (world) => getEvaluation(world, pickLedger(world))],
  [5, getIfChanged],
  [15, listEvaluations],
]);

export async function applyLoad(
  world: World,
  connections: number,
  isOver: () => boolean,
): Promise<BadInputs> {
  const bad: BadInputs = { sent: 0, refused: 0, unanswered: 0 };
  const turn = async () => {
    if (!world.random.chance(BAD_INPUT_SHARE)) {
      await world.random.pick(TURNS)(world);
      return;
    }
    bad.sent += 1;
    const refused = await sendBadInput(world);
    if (refused === undefined) bad.unanswered += 1;
    else if (refused) bad.refused += 1;
  };
  await createFirst(world);
  await runLoops(world, connections, turn, isOver);
  return bad;
}

export async function createFirst(world: World): Promise<void> {
  while (world.existing.length < FIRST_EVALUATIONS) await createEvaluation(world);
}

export async function runLoops(
  world: World,
  loops: number,
  turn: Turn,
  isOver: () => boolean,
): Promise<void> {
  const loop = async () => {
    while (!isOver()) {
      try {
        await turn(world);
      } catch (thrown) {
        world.findings.violate(
          'no answer',
          thrown instanceof Error ? thrown.message : String(thrown),
        );
        await pause(BROKEN_PAUSE_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
}
