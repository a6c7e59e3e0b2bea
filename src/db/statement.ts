/**
 * The SQL statements that the Worker contains: text that drizzle wrote before the build (query.ts,
 * `npm run sql`), with the types of its parameters and rows.
 */
export type Statement<Params, Row> = {
  /** The text on one line, because each request sends it over the network. */
  readonly sql: string;
  /** The names of the numbered parameters: `?1` is the first. */
  readonly params: readonly string[];
  /** The types of what is bound and returned. No value has this property. */
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/**
 * How D1 refuses an account that lives in an object. Triggers raise this text for a write. A read
 * returns a last row whose first column is this text and the place of the object (query.ts).
 */
export const LIVES_IN_OBJECT = 'the account lives in an object';

/**
 * Returns the values of a statement's parameters, in the order in which the statement binds them.
 */
export const bindValues = (
  { params: names }: Statement<never, unknown>,
  params: { readonly [name: string]: unknown },
): unknown[] => names.map((name) => params[name]);

/** The statement of a query, by the query's type. */
export type StatementOf<Q> = Q extends {
  readonly types?: { params: (params: infer P) => void; row: infer R };
}
  ? Statement<P, R>
  : never;

/** The rows of a statement, by the statement's type. */
export type RowOf<S> = S extends Statement<never, infer Row> ? Row : never;

/** A row of an outer join that may have found nothing. */
export type OrNulls<Row> = Row | { readonly [column in keyof Row]: null };

/**
 * Makes a statement of a text in which a parameter is written `:name`. The text is numbered when
 * the statement is first used, so that a cold start does not number all of them.
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
 * Turns the names of parameters into numbers, because D1 binds by number (D1: Prepared statements).
 * A name that occurs twice is bound once.
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
