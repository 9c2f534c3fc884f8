import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * Why the ledger refused something.
 * `order`, `time`, `epoch`: the entry may not stand where it stands. `pairing`, `tiling`, `record`, `verdict`,
 * `window`, `check`: it contradicts the metering entries before it. `authority`, `policy`, `source`, `mint`, `charge`,
 * `certify`, `ticket`, `expire`, `reconcile`, `resolve`, `closed`: the society's rules. `trade`: what is between
 * societies; `foreign`: the proof of another log's entry. `overflow`: a sum beyond 2^53 − 1. `command`: an order that may
 * not be obeyed. `snapshot`: an ops.snapshot states another state than the log's. `resolution`: an energy.resolution says no
 * other one, or none that there is. `reading`: a reading the meter cannot take.
 */
export type LedgerErrorCode =
  | "order"
  | "time"
  | "epoch"
  | "pairing"
  | "tiling"
  | "record"
  | "verdict"
  | "window"
  | "check"
  | "authority"
  | "policy"
  | "source"
  | "mint"
  | "charge"
  | "certify"
  | "ticket"
  | "expire"
  | "reconcile"
  | "resolve"
  | "resolution"
  | "closed"
  | "trade"
  | "foreign"
  | "command"
  | "overflow"
  | "snapshot"
  | "reading";

export class LedgerError extends WattsealError<LedgerErrorCode> {
  /** Index of the entry in its log, where one is at fault. */
  readonly index: number | undefined;
  /** What is wrong, without the entry's name. */
  readonly reason: string;

  constructor(
    code: LedgerErrorCode,
    reason: string,
    options: ErrorOptions & {
      readonly index?: number;
      readonly type?: string;
      readonly kind?: ErrorKind;
    } = {},
  ) {
    const { index, type, kind = "input", ...rest } = options;
    super(code, kind, index === undefined ? reason : `entry ${index} (${type}): ${reason}`, rest);
    this.index = index;
    this.reason = reason;
  }
}
