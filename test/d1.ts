/** Stand-ins for D1 that do what the real one does only on a bad day, and one that counts. */

/** The real database, with every call that leaves the Worker noted by the method that made it. */
export function countingD1(db: D1Database): { db: D1Database; calls: string[] } {
  const calls: string[] = [];
  const counted = intercept(db, (method, call) => {
    calls.push(method);
    return call();
  });
  return { db: counted, calls };
}

/** A database whose every call throws. */
export function failingD1(db: D1Database, thrown: Error): D1Database {
  return intercept(db, () => Promise.reject(thrown));
}

const CALLS = new Set(['all', 'run', 'first', 'raw', 'batch', 'exec']);

type OnCall = (method: string, call: () => Promise<unknown>) => Promise<unknown>;

/** Wraps a database or a statement so that each method that goes to D1 passes through `onCall`. */
function intercept<T extends object>(target: T, onCall: OnCall): T {
  return new Proxy(target, {
    get(_, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(member, target, args);
        if (CALLS.has(String(property))) return onCall(String(property), call);
        const made: unknown = call();
        return typeof made === 'object' && made !== null ? intercept(made, onCall) : made;
      };
    },
  });
}
