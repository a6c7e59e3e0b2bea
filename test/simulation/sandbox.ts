/**
 * Replaces the clock, timers, random numbers, digests and console of a thread. Then the simulated
 * Worker depends only on the seed. Code that needs the real clock would fail in such a thread, so
 * only worker.ts calls these functions.
 */
import { hash } from 'node:crypto';
import { registerHooks } from 'node:module';
import type { Random } from '../soak/random.ts';
import type { Timeline } from './timeline.ts';

type World = { readonly timeline: Timeline; readonly random: Random };

const RealDate = Date;

/**
 * Replaces the thread's globals. At the start of a run, the caller passes the run's timeline and
 * random numbers to the returned function. From then on, the new globals use this timeline and
 * these random numbers.
 */
export function replaceGlobals(): (world: World) => void {
  let timeline: Timeline | undefined;
  let random: Random | undefined;
  const after = (milliseconds: number, action: () => void) => timeline?.after(milliseconds, action);
  const below = (bound: number) => random?.below(bound) ?? 0;
  class SimulatedDate extends RealDate {
    constructor(...time: [] | [time: number | string]) {
      super(time[0] ?? SimulatedDate.now());
    }
    static override now(): number {
      return Math.floor(timeline?.now() ?? 0);
    }
  }
  const hex = (digits: number) =>
    below(16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  const crypto = {
    randomUUID: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`,
    subtle: {
      /**
       * Computes the digest immediately. Node's own function would compute digests in several
       * threads, which finish in no fixed order.
       */
      digest: async (_: string, text: Uint8Array) => {
        const bytes = hash('sha256', text, 'buffer');
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      },
    },
  };
  Math.random = () => below(2 ** 32) / 2 ** 32;
  Object.assign(console, { log: () => {}, error: () => {} });
  for (const [name, value] of Object.entries({
    Date: SimulatedDate,
    crypto,
    scheduler: { wait: (milliseconds: number) => timeline?.sleep(milliseconds) },
    setTimeout: (action: () => void, milliseconds: number) => after(milliseconds, action),
    clearTimeout: (cancel?: () => void) => cancel?.(),
  }))
    Object.defineProperty(globalThis, name, { value });
  return (world) => {
    ({ timeline, random } = world);
  };
}

/**
 * Makes `import 'cloudflare:workers'` work in Node. The replacement has only the class
 * `DurableObject`, which is all that the simulated code imports.
 */
export function replaceRuntime(): void {
  const source = `export class DurableObject {
    constructor(ctx, env) { Object.assign(this, { ctx, env }); }
  }`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'cloudflare:workers'
        ? { url, format: 'module', shortCircuit: true }
        : next(specifier, context),
  });
}
