import { type ErrorKind, WattsealError } from "@wattseal/base";

/**
 * token: unknown, expired or used · enrolment: no such challenge, or not of this token · busy: too many challenges are
 * outstanding · enrolled: this anchor, or this TPM, has an LCT · lct: not known here · final: void, slashed or retired
 * stays so · grant: what cannot be granted · listen: cannot be served there · unreachable, answer: of the client.
 */
export type RegistryCode =
  | "token"
  | "enrolment"
  | "busy"
  | "enrolled"
  | "lct"
  | "final"
  | "grant"
  | "listen"
  | "refused"
  | "unreachable"
  | "answer";

const KIND: Readonly<Record<RegistryCode, ErrorKind>> = {
  token: "input",
  enrolment: "input",
  busy: "peer",
  enrolled: "input",
  lct: "usage",
  final: "usage",
  grant: "usage",
  listen: "usage",
  refused: "peer",
  unreachable: "hardware",
  answer: "peer",
};

export class RegistryError extends WattsealError<RegistryCode> {
  constructor(code: RegistryCode, message: string, options?: ErrorOptions) {
    super(code, KIND[code], message, options);
  }
}
