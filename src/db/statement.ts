/**
 * A statement is SQL that drizzle wrote before the build, with the types of its parameters and
 * rows.
 */
export type Statement<Params, Row> = {
  readonly sql: string;
  /** The first name belongs to `?1`. */
  readonly params: readonly string[];
  /** Only the compiler uses the types: no object has this property. */
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/** The text in D1's error or last row if the account lives in an object (d1.ts). */
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

export type RowOf<S> = S extends Statement<never, infer Row> ? Row : never;

/** A row, or nulls if an outer join found no row. */
export type OrNulls<Row> = Row | { readonly [column in keyof Row]: null };

/**
 * Makes a statement from SQL with parameters such as `:account`. Numbers the parameters at first
 * use, to keep cold starts short.
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
 * statements).
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
