/**
 * The Durable Object that stores one account, and `objectStore`, through which the Worker calls the
 * object. The object returns refusals and errors instead of throwing, because the platform would
 * log an exception as uncaught. Each call contains its SQL, because during a deployment the object
 * may run older code than the Worker.
 */
import { DurableObject } from 'cloudflare:workers';
import { collectMessages, databaseUnavailable } from '../failure.ts';
import { JURISDICTIONS, LOCATIONS, type Place } from '../settings.ts';
import { createArrival } from './arrival.ts';
import type { Call, Store } from './connection.ts';
import { MIGRATIONS, NEWEST_MIGRATION } from './migrations.generated.ts';
import { createSharedLabels } from './shared-labels.ts';
import { bindValues, type Statement } from './statement.ts';

/** The reason why an object does not serve its account now. `wait` is in seconds. */
export type Refusal = { readonly wait: number; readonly cause: string };

export type ObjectCall = Call & {
  readonly account: string;
  readonly place: Place;
  readonly migration: string;
};

type ObjectRows = {
  store: Record<string, SqlStorageValue>[];
  explain: Record<string, SqlStorageValue>[];
  read: Record<string, SqlStorageValue>[];
  rows_read: number;
  rows_written: number;
};

type Answer =
  | { rows: ObjectRows; refusal?: never; fault?: never }
  | { rows?: never; refusal: Refusal; fault?: never }
  | { rows?: never; refusal?: never; fault: string };

/**
 * Creates the store of one account. Calls throw {Failure} `database_unavailable` if the object
 * refuses to serve.
 */
export function objectStore(
  namespace: DurableObjectNamespace<AccountObject>,
  account: string,
  place: Place,
): Store {
  return {
    name: 'object',
    bookmark: () => null,
    run(call) {
      // After an exception a stub may stay broken, so each attempt gets a new stub (Durable
      // Objects: Error handling).
      const stub = getStub(namespace, account, place);
      return readAnswer(stub.run({ ...call, account, place, migration: NEWEST_MIGRATION }));
    },
  };
}

async function readAnswer(answer: Promise<Answer>): Promise<ObjectRows> {
  const { rows, refusal, fault } = await answer;
  if (refusal) throw databaseUnavailable(refusal.wait, refusal.cause);
  if (fault !== undefined) throw new Error(fault);
  return rows;
}

function getStub(namespace: DurableObjectNamespace<AccountObject>, account: string, place: Place) {
  const jurisdiction = JURISDICTIONS.find((name) => name === place);
  if (jurisdiction !== undefined) return namespace.jurisdiction(jurisdiction).getByName(account);
  const locationHint = LOCATIONS.find((name) => name === place);
  return namespace.getByName(account, locationHint === undefined ? {} : { locationHint });
}

export class AccountObject extends DurableObject<Env> {
  protected readonly arrival: ReturnType<typeof createArrival>;
  protected readonly labels: ReturnType<typeof createSharedLabels>;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.arrival = createArrival(state.storage, env.DB);
    this.labels = createSharedLabels(state.storage, env.DB);
  }

  /** Runs the statements of a call in one transaction. Never throws. */
  async run(call: ObjectCall): Promise<Answer> {
    const refusal = await this.findRefusal(call);
    if (refusal) return { refusal };
    const { storage } = this.ctx;
    try {
      return { rows: storage.transactionSync(() => runStatements(storage.sql, call)) };
    } catch (thrown) {
      return { fault: collectMessages(thrown) };
    }
  }

  override alarm(): Promise<void> {
    return this.arrival.resume();
  }

  protected async findRefusal(call: ObjectCall): Promise<Refusal | undefined> {
    if (!MIGRATIONS.some(({ name }) => name === call.migration))
      return {
        wait: 5,
        cause: `the object runs a version of the Worker without ${call.migration}`,
      };
    return (await this.arrival.findRefusal(call)) ?? (await this.labels.findRefusal(call));
  }
}

function runStatements(sql: SqlStorage, { params, store, explain, read }: Call): ObjectRows {
  const cost = { rows_read: 0, rows_written: 0 };
  const run = (statement: Statement<never, unknown> | undefined) => {
    if (!statement) return [];
    const cursor = sql.exec(statement.sql, ...bindValues(statement, params));
    const rows = cursor.toArray();
    cost.rows_read += cursor.rowsRead;
    cost.rows_written += cursor.rowsWritten;
    return rows;
  };
  const stored = run(store);
  const explained = stored.length === 0 ? run(explain) : [];
  return { store: stored, explain: explained, read: run(read), ...cost };
}
