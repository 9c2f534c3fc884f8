import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * platform: not Linux · store-locked: another process has the store · store-unreachable: the database does not answer ·
 * store-access: it does not let us in, or not do this · store-version: a newer program made it · store-corrupt: the store
 * is not what was committed · store-failed: it did not do what it was asked, and may do so later · store-closed: used after close ·
 * broker: cannot listen or connect · listen: queries cannot be served there · configuration: refused settings ·
 * query-unreachable, query-answer: of whoever asks a federation.
 */
export type FederationCode =
  | "platform"
  | "store-locked"
  | "store-unreachable"
  | "store-access"
  | "store-version"
  | "store-corrupt"
  | "store-failed"
  | "store-closed"
  | "broker"
  | "listen"
  | "configuration"
  | "query-unreachable"
  | "query-answer";

const KIND: Readonly<Record<FederationCode, ErrorKind>> = {
  platform: "usage",
  "store-locked": "usage",
  "store-unreachable": "hardware",
  "store-access": "usage",
  "store-version": "usage",
  "store-corrupt": "hardware",
  "store-failed": "hardware",
  "store-closed": "usage",
  broker: "hardware",
  listen: "usage",
  configuration: "usage",
  "query-unreachable": "hardware",
  "query-answer": "peer",
};

export class FederationError extends WattsealError<FederationCode> {
  constructor(code: FederationCode, message: string, options?: ErrorOptions) {
    super(code, KIND[code], message, options);
  }
}
