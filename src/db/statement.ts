/** A statement as the Worker carries it: the text that drizzle wrote before the Worker was built (db/compile.ts). */
export type Statement<Values, Row> = {
  readonly sql: string;
  /** The names of the values, in the order of the numbered parameters (D1: `?1` and so on). */
  readonly parameters: readonly string[];
  /** What is bound and what is returned: known to the compiler alone. */
  readonly types?: { readonly values: (values: Values) => void; readonly row: Row };
};
