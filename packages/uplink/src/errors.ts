import { type ErrorKind, WattsealError } from "@wattseal/base";

export type UplinkCode =
  | "batch-origin"
  | "batch-gap"
  | "batch-size"
  | "batch-root"
  | "batch-note"
  | "receipt-witness"
  | "receipt-origin"
  | "receipt-size"
  | "receipt-root"
  | "receipt-signature"
  | "destination"
  | "pending-order"
  | "limit";

/** `batch-*`: the pack's bytes do not extend what is known; `receipt-*`: a receipt that proves nothing; the rest: caller's mistakes. */
export class UplinkError extends WattsealError<UplinkCode> {
  constructor(code: UplinkCode, message: string, options?: ErrorOptions) {
    super(code, kindOf(code), message, options);
  }
}

function kindOf(code: UplinkCode): ErrorKind {
  return code.startsWith("batch-") || code.startsWith("receipt-") ? "input" : "usage";
}
