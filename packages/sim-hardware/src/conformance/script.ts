/**
 * A point's script is a generator: it says what it waits for and goes on when that holds, or its time is up. So
 * it reads top to bottom like a procedure, and runs in the callbacks of bus and clock, at their exact times.
 */
export interface Wait {
  /** Milliseconds of the bench's clock. */
  readonly until: number;
  readonly met: () => boolean;
}

export type Script<T> = Generator<Wait, T, void>;

export type Verdict = "passed" | "failed" | "not-observed";

export interface Finding {
  readonly verdict: Verdict;
  /** What was seen, or why nothing could be. */
  readonly seen: string;
}

export const passed = (seen: string): Finding => ({ verdict: "passed", seen });
export const failed = (seen: string): Finding => ({ verdict: "failed", seen });
export const notObserved = (seen: string): Finding => ({ verdict: "not-observed", seen });

/** Ends a point's script from within: the point is then not observed, or failed. */
export class PointEnded extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.seen);
    this.finding = finding;
  }
}
