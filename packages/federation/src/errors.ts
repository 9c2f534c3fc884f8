import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * platform: not Linux · store-locked: another process has the store · store-corrupt: the store is not what was
 * committed · store-failed: it did not do what it was asked, and may do so later · store-closed: used after close ·
 * broker: cannot listen or connect · configuration: refused settings.
 */
export type FederationCode =
  | "platform"
  | "store-locked"
  | "store-corrupt"
  | "store-failed"
  | "store-closed"
  | "broker"
  | "configuration";

const KIND: Readonly<Record<FederationCode, ErrorKind>> = {
  platform: "usage",
  "store-locked": "usage",
  "store-corrupt": "hardware",
  "store-failed": "hardware",
  "store-closed": "usage",
  broker: "hardware",
  configuration: "usage",
};

export class FederationError extends WattsealError<FederationCode> {
  constructor(code: FederationCode, message: string, options?: ErrorOptions) {
    super(code, KIND[code], message, options);
  }
}
