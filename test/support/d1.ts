/** Wraps the real D1. A wrapper makes calls fail, or records calls, rows or sessions for a test. */

/** Records the method of each call to D1, such as `batch`. */
export function countCalls(db: D1Database): { db: D1Database; calls: string[] } {
  const calls: string[] = [];
  const counted = interceptD1(db, (method, call) => {
    calls.push(method);
    return call();
  });
  return { db: counted, calls };
}

/** Records how many rows each call read and wrote, as D1 counts them. */
export function countRows(db: D1Database) {
  const rows: { read: number; written: number }[] = [];
  const counted = interceptD1(db, async (_, call) => {
    const results = await call();
    const metas = (results as D1Result[]).map(({ meta }) => meta);
    const sum = (name: 'rows_read' | 'rows_written') =>
      metas.reduce((total, meta) => total + meta[name], 0);
    rows.push({ read: sum('rows_read'), written: sum('rows_written') });
    return results;
  });
  return { db: counted, rows };
}

/**
 * D1 runs a call that `is lost`, but the caller gets an error. D1 runs a call that `is late` only
 * when the test calls `arrive`.
 */
export type Fate = 'succeeds' | 'fails' | 'is lost' | 'is late';

/**
 * Applies `fates` to the calls in order, and the last fate to all further calls. A failed call
 * throws `message`.
 */
export function makeFlakyD1(
  db: D1Database,
  message: string,
  ...fates: Fate[]
): { db: D1Database; calls: string[]; arrive: () => Promise<void> } {
  const calls: string[] = [];
  const late: (() => Promise<unknown>)[] = [];
  const flaky = interceptD1(db, async (method, call) => {
    const fate = fates[Math.min(calls.length, fates.length - 1)];
    calls.push(method);
    if (fate === 'is late') late.push(call);
    const answer = fate === 'succeeds' || fate === 'is lost' ? await call() : undefined;
    if (fate === 'succeeds') return answer;
    // A real error of D1 also has the message in its `cause`.
    throw new Error(`D1_ERROR: ${message}`, { cause: new Error(message) });
  });
  const arrive = async () => {
    for (const call of late.splice(0)) await call();
  };
  return { db: flaky, calls, arrive };
}

const CALLS = new Set(['all', 'run', 'first', 'raw', 'batch', 'exec']);

type OnCall = (method: string, call: () => Promise<unknown>) => Promise<unknown>;

/**
 * Calls `onCall` instead of sending a call to D1. `onCall` gets the name of the method, and a
 * function that sends the call.
 */
export function interceptD1<T extends object>(target: T, onCall: OnCall): T {
  return new Proxy(target, {
    get(_, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(member, target, args);
        if (CALLS.has(String(property))) return onCall(String(property), call);
        const made: unknown = call();
        return typeof made === 'object' && made !== null ? interceptD1(made, onCall) : made;
      };
    },
  });
}

/**
 * Records the argument of each `withSession` call: a bookmark, or a constraint such as
 * `first-primary`.
 */
export function watchSessions(db: D1Database): { db: D1Database; starts: unknown[] } {
  const starts: unknown[] = [];
  const watched = new Proxy(db, {
    get: (target, property) => {
      if (property === 'withSession') {
        return (start: string) => {
          starts.push(start);
          return target.withSession(start);
        };
      }
      const member: unknown = Reflect.get(target, property);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { db: watched, starts };
}
