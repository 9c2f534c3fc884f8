import { type ErrorKind, WattsealError } from "@wattseal/base";

export type GatewayErrorCode =
  /** The log stopped accepting entries; the cause says why. Restart after the cure. */
  | "ledger-stopped"
  /** The folder of the log belongs to another pack than the configuration. */
  | "other-pack"
  /** Clear-text modules where there can be none. */
  | "legacy"
  /** The ledger's rules refuse an order, and nothing changed; the cause is the LedgerError. */
  | "order-refused"
  /** An order came when there was no room for it; again in a moment. */
  | "busy"
  /** An order came while the gateway stops. */
  | "stopping"
  /** The log was pruned, and nothing says what was before. */
  | "pruned"
  /** Nothing may be pruned as asked; the message says why. */
  | "not-prunable"
  /** A kept receipt does not hold for this log; the message names its file and the way out. */
  | "receipt"
  /** The last signed head is not this log's own word. */
  | "head"
  /** A copy of the log does not verify. */
  | "copy-refused"
  /** A head was signed beyond the copy: nothing can go on from it. */
  | "copy-behind"
  /** A head contradicts the copy. */
  | "copy-forked";

export class GatewayError extends WattsealError<GatewayErrorCode> {
  constructor(code: GatewayErrorCode, kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(code, kind, message, options);
  }
}
