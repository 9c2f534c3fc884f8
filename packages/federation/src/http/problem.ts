/** What a caller is told when it is told no: problem details (RFC 9457). */
import { STATUS_CODES } from "node:http";
import { DecodeError, RangeViolation } from "@wattseal/base";
import { ZodError } from "zod";

export const PROBLEM_TYPE = "application/problem+json";
const BAD_REQUEST = 400;

export interface Problem {
  readonly title: string;
  readonly status: number;
  /** What is wrong, and what to do. */
  readonly detail: string;
  /** Stable; for programs. */
  readonly code: string;
}

/** Where the server itself says no. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function problem(status: number, code: string, detail: string): Problem {
  return { title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

/** Undefined for an error that is nobody's business but the log's. */
export function problemOf(thrown: unknown): Problem | undefined {
  if (thrown instanceof HttpRefusal) return problem(thrown.status, thrown.code, thrown.message);
  if (thrown instanceof DecodeError || thrown instanceof RangeViolation) {
    return problem(BAD_REQUEST, "malformed", thrown.message);
  }
  if (!(thrown instanceof ZodError)) return undefined;
  const details = thrown.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return problem(BAD_REQUEST, "malformed", `this is not what it takes: ${details.join("; ")}`);
}
