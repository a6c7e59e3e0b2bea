/** Wraps the real D1. A wrapper makes calls fail, or records calls, rows or sessions for a test. */

/**
 * Wraps the real database to count calls. `calls` lists the method of each call to D1, such as
 * `batch`.
 */
export function countCalls(db: D1Database): { db: D1Database; calls: string[] } {
  const calls: string[] = [];
  const counted = interceptD1(db, (method, call) => {
    calls.push(method);
    return call();
  });
  return { db: counted, calls };
}

/**
 * Wraps the real database to count rows. `rows` has an entry for each call: the number of rows that
 * the call read, and the number that it wrote, as D1 counts them.
 */
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
 * Tells what happens to one call to D1:
 * - `succeeds`: D1 runs the call, and the Worker gets the response.
 * - `fails`: the call never reaches D1.
 * - `is lost`: D1 commits the call, but the response is lost.
 * - `is late`: the Worker gets an error, and D1 runs the call only when the test calls `arrive`.
 */
export type Fate = 'succeeds' | 'fails' | 'is lost' | 'is late';

/**
 * Wraps the real database to make calls fail. The first fate applies to the first call, the second
 * fate to the second call, and so on. The last fate also applies to all further calls. If a call
 * does not succeed, the Worker gets an error with `message`.
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
    // A real error of D1 also contains the message twice: after `D1_ERROR:`, and in its cause.
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
 * Wraps a database, a session or a statement. If a method would send a call to D1, the wrapper
 * calls `onCall` instead. `onCall` gets the name of the method, and a function that sends the call.
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
 * Wraps the real database to record the sessions of the Worker. `starts` lists the argument of each
 * call of `withSession`: a bookmark, or a constraint such as `first-primary`.
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
