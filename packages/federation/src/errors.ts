import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * platform: not Linux · store-locked: another process has the store · store-corrupt: the store is not what was
 * committed · store-closed: used after close · broker: cannot listen or connect · configuration: refused settings.
 */
export type FederationCode =
  | "platform"
  | "store-locked"
  | "store-corrupt"
  | "store-closed"
  | "broker"
  | "configuration";

const KIND: Readonly<Record<FederationCode, ErrorKind>> = {
  platform: "usage",
  "store-locked": "usage",
  "store-corrupt": "hardware",
  "store-closed": "usage",
  broker: "hardware",
  configuration: "usage",
};

export class FederationError extends WattsealError<FederationCode> {
  constructor(code: FederationCode, message: string, options?: ErrorOptions) {
    super(code, KIND[code], message, options);
  }
}
