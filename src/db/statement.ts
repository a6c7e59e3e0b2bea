/**
 * A SQL statement as the Worker carries it: text that drizzle wrote before the build (compile.ts, `npm run sql`), with the
 * drizzle query's types. D1 binds by number (D1: Prepared statements), so names become numbers here, when the module loads.
 */
export type Statement<Params, Row> = {
  /** On one line: it goes over the network with each request. */
  readonly sql: string;
  /** The name of each numbered parameter: `?1` is the first. */
  readonly params: readonly string[];
  /** What is bound and what is returned: known to the compiler alone. */
  readonly types?: { readonly params: (params: Params) => void; readonly row: Row };
};

/** The statement of a query, by the query's type. */
export type StatementOf<Q> = Q extends {
  readonly types?: { params: (params: infer P) => void; row: infer R };
}
  ? Statement<P, R>
  : never;

/** A row of an outer join that may have found nothing. */
export type OrNulls<Row> = Row | { readonly [column in keyof Row]: null };

/** Parameters are written `:name`. A name that occurs twice is bound once. */
export function statement<Params, Row>(text: string): Statement<Params, Row> {
  const params: string[] = [];
  const sql = text
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/:([a-z_]+)/g, (_, name) => {
      if (!params.includes(name)) params.push(name);
      return `?${params.indexOf(name) + 1}`;
    });
  return { sql, params };
}
