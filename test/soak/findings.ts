/**
 * Counts the requests of the soak, and collects the violations for the report. A violation is a
 * sentence about something that the Worker did wrong.
 */

export type Findings = {
  /** Maps each kind of request, such as `update`, to the number of responses. */
  readonly requests: ReadonlyMap<string, number>;
  readonly statuses: ReadonlyMap<number, number>;
  /** Maps each broken rule, such as `audit`, to its violations. */
  readonly violations: ReadonlyMap<string, readonly string[]>;
  /** Counts repeated requests by their last response. A caller repeats a request after a 503. */
  readonly repeated: Readonly<Record<'succeeded' | 'refused' | 'gave up', number>>;
  readonly count: (kind: string, status: number) => void;
  readonly settle: (status: number) => void;
  readonly violate: (rule: string, sentence: string) => void;
};

export function createFindings(): Findings {
  const requests = new Map<string, number>();
  const statuses = new Map<number, number>();
  const violations = new Map<string, string[]>();
  const repeated = { succeeded: 0, refused: 0, 'gave up': 0 };
  return {
    requests,
    statuses,
    violations,
    repeated,
    count: (kind, status) => {
      requests.set(kind, (requests.get(kind) ?? 0) + 1);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    },
    settle: (status) => {
      if (status === 503) repeated['gave up'] += 1;
      else if (status < 400) repeated.succeeded += 1;
      else repeated.refused += 1;
    },
    violate: (rule, sentence) => {
      const known = violations.get(rule) ?? [];
      known.push(sentence);
      violations.set(rule, known);
    },
  };
}
