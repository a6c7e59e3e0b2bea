/**
 * Replaces a thread's clock, timers, random numbers and console, so that a run depends only on its
 * seed. Only worker.ts may call these functions, because other code needs the real clock.
 */
import { hash } from 'node:crypto';
import { registerHooks } from 'node:module';
import type { Random } from '../soak/random.ts';
import type { Timeline } from './timeline.ts';

type World = { readonly timeline: Timeline; readonly random: Random };

const RealDate = Date;

/** Returns a function that sets the timeline and random numbers for the replaced globals. */
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
      /** Computes the digest immediately, because Node's own digests finish in random order. */
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

/** Makes `import 'cloudflare:workers'` work in Node, with `DurableObject` as its only export. */
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
