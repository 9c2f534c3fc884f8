import { type ErrorKind, WattsealError } from "@wattseal/base";

/** What is wrong with a request, by what HTTP calls it (RFC 9110 §15.5). */
export const REQUEST_STATUS = {
  "bad-request": 400,
  "not-found": 404,
  "method-not-allowed": 405,
  "too-large": 413,
  "not-json": 415,
  /** JSON, but not what this operation takes. */
  invalid: 422,
} as const;

export type ControlErrorCode =
  | keyof typeof REQUEST_STATUS
  /** The socket cannot be served at its path. */
  | "control-socket"
  /** The other end said no; the message is its own. */
  | "refused"
  /** The other end does not speak this interface. */
  | "not-understood";

export class ControlError extends WattsealError<ControlErrorCode> {
  constructor(code: ControlErrorCode, kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(code, kind, message, options);
  }
}

/** A request that is refused before any order is made of it. */
export class RequestError extends ControlError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Where in the body, and what is wrong there. */
  readonly errors: readonly { readonly path: string; readonly problem: string }[];

  constructor(
    code: keyof typeof REQUEST_STATUS,
    message: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly errors?: RequestError["errors"];
    } = {},
  ) {
    super(code, "usage", message);
    this.status = REQUEST_STATUS[code];
    this.headers = more.headers ?? {};
    this.errors = more.errors ?? [];
  }
}
