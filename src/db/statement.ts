/**
 * Defines the statements that the Worker contains. A statement is SQL that drizzle wrote before the
 * build (query.ts, `npm run sql`), with the types of its parameters and rows.
 */
export type Statement<Params, Row> = {
  /** The SQL on one line. Each request sends this text over the network, so the text is short. */
  readonly sql: string;
  /** The names of the parameters: the first name belongs to `?1`. */
  readonly params: readonly string[];
  /**
   * The types of the parameters and of a row, for the compiler only. No object has this property.
   */
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/**
 * The text with which D1 refuses an account that lives in an object. A write fails with this error
 * from a trigger. A read returns an additional last row, whose first column is this text followed
 * by the place of the object (query.ts, accountQuery).
 */
export const LIVES_IN_OBJECT = 'the account lives in an object';

/** Returns the values of the parameters of a statement, in the order of their numbers. */
export const bindValues = (
  { params: names }: Statement<never, unknown>,
  params: { readonly [name: string]: unknown },
): unknown[] => names.map((name) => params[name]);

export type StatementOf<Q> = Q extends {
  readonly types?: { params: (params: infer P) => void; row: infer R };
}
  ? Statement<P, R>
  : never;

/** The type of a statement's rows. */
export type RowOf<S> = S extends Statement<never, infer Row> ? Row : never;

/** The type of a row of an outer join: if the join found no row, all columns are null. */
export type OrNulls<Row> = Row | { readonly [column in keyof Row]: null };

/**
 * Makes a statement from SQL that contains parameters such as `:account`. To keep cold starts
 * short, the parameters are numbered only when the statement is first used.
 */
export function statement<Params, Row>(text: string): Statement<Params, Row> {
  let numbered: Statement<Params, Row> | undefined;
  const number = () => {
    numbered ??= numberParameters(text);
    return numbered;
  };
  return {
    get sql() {
      return number().sql;
    },
    get params() {
      return number().params;
    },
  };
}

/**
 * Replaces each `:name` with a number such as `?1`, because D1 binds by number (D1: Prepared
 * statements). A name that occurs twice gets one number. Also puts the text on one line.
 */
function numberParameters<Params, Row>(text: string): Statement<Params, Row> {
  const params: string[] = [];
  const sql = text
    .trim()
    .replace(/(?<=\()\s+|\s+(?=\))/g, '')
    .replace(/\s+/g, ' ')
    .replace(/:([a-z_]+)/g, (_, name) => {
      if (!params.includes(name)) params.push(name);
      return `?${params.indexOf(name) + 1}`;
    });
  return { sql, params };
}
