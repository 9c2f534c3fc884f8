import type { Entry } from "../entries/entry.js";

/** The signed head that a whole export stands under. */
export interface ExportHead {
  /** Origin of the log, `wattseal/<label>`. */
  readonly origin: string;
  /** Entries under it. */
  readonly size: number;
  /** RFC 6962 root of them, hexadecimal. */
  readonly root: string;
}

/**
 * What backs a row: the entries `first` to `last` of this log, in the tree of `size` entries with this root.
 * `wattseal prove <last>` makes the proof that anyone can check.
 */
export interface ProofReference extends ExportHead {
  readonly first: number;
  readonly last: number;
}

export function proofOf(head: ExportHead, first: number, last = first): ProofReference {
  return { origin: head.origin, first, last, size: head.size, root: head.root };
}

/** Periods that end after `from` and not after `to`, UTC ms: a window that ends at midnight belongs to the day before it. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

export const WHOLE_LOG: Period = { from: -1, to: Number.MAX_SAFE_INTEGER };

/** UTC ms at which what an entry says ended. */
export function endOf({ body, timeMs }: Entry): number {
  return "t1" in body ? body.t1 : timeMs;
}

export function within({ from, to }: Period, time: number): boolean {
  return time > from && time <= to;
}
