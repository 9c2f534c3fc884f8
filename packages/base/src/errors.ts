/**
 * Who has to act on an error: the caller (`usage`), whoever made the bytes (`input`), the other end of a
 * link (`peer`), the machine (`hardware`), or us, because something that cannot be is (`invariant`).
 */
export type ErrorKind = "usage" | "input" | "peer" | "hardware" | "invariant";

/** Root of every error this project throws. `code` is stable and machine readable; messages carry no secrets. */
export class WattsealError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly kind: ErrorKind;

  constructor(code: Code, kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.kind = kind;
  }
}

/** External bytes or text that do not follow their format. `offset` is in bytes (or characters) from the start of `what`. */
export class DecodeError extends WattsealError<"decode"> {
  readonly what: string;
  readonly offset: number;

  constructor(what: string, offset: number, problem: string, options?: ErrorOptions) {
    super("decode", "input", `${what}: ${problem} (at offset ${offset})`, options);
    this.what = what;
    this.offset = offset;
  }
}

/** A value that a validating function of this project refused. */
export class RangeViolation extends WattsealError<"range"> {
  constructor(message: string) {
    super("range", "usage", message);
  }
}

/** Our own promise broken; never the caller's fault. */
export class InvariantViolation extends WattsealError<"invariant"> {
  constructor(message: string, options?: ErrorOptions) {
    super("invariant", "invariant", message, options);
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
