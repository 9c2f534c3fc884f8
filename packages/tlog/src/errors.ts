import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * proof: an inclusion or consistency proof that proves nothing · note: a signed note, checkpoint or key text
 * that does not follow its format · signature: a note without a valid signature of the expected key ·
 * tile: an entry bundle or tile path out of its format · range: an index, size or entry outside the log or
 * its limits · corrupt: a stored file is not what was written · head-mismatch: the stored files and the last
 * signed head disagree · missing: no log there · unmended: a copy does not make a damaged log whole, and nothing was changed ·
 * locked: another process writes · full: no space left ·
 * io: the storage failed · closed: the store was closed.
 */
export type TlogErrorCode =
  | "proof"
  | "note"
  | "signature"
  | "tile"
  | "range"
  | "corrupt"
  | "head-mismatch"
  | "missing"
  | "pruned"
  | "not-empty"
  | "unfinished"
  | "unmended"
  | "locked"
  | "full"
  | "io"
  | "closed";

const KIND: Readonly<Record<TlogErrorCode, ErrorKind>> = {
  proof: "input",
  note: "input",
  signature: "input",
  tile: "input",
  range: "usage",
  corrupt: "hardware",
  "head-mismatch": "hardware",
  missing: "usage",
  pruned: "usage",
  "not-empty": "usage",
  unfinished: "usage",
  unmended: "input",
  locked: "usage",
  full: "hardware",
  io: "hardware",
  closed: "usage",
};

/** Everything this package refuses. Messages name the thing and the place in it. */
export class TlogError extends WattsealError<TlogErrorCode> {
  constructor(code: TlogErrorCode, message: string, options?: ErrorOptions) {
    super(code, KIND[code], message, options);
  }
}
