import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * What does not hold. `entry`: bytes that are no entry, or one that the log before it refuses. `checkpoint`: the
 * log's own signed head. `receipt`: a witness's cosignature. `proof`, `file`: a proof file's content or form;
 * `file` also a record that lies beside the log.
 * `trust`: nobody accepted stands behind it, or a trust file is malformed. `snapshot`: bytes that are no log's state.
 */
export type VerifierErrorCode =
  | "entry"
  | "checkpoint"
  | "receipt"
  | "proof"
  | "file"
  | "trust"
  | "snapshot";

export class VerifierError extends WattsealError<VerifierErrorCode> {
  /** Index of the entry at fault, where one is. */
  readonly index: number | undefined;

  constructor(
    code: VerifierErrorCode,
    message: string,
    options: ErrorOptions & { readonly index?: number; readonly kind?: ErrorKind } = {},
  ) {
    const { index, kind = "input", ...rest } = options;
    super(code, kind, message, rest);
    this.index = index;
  }
}
