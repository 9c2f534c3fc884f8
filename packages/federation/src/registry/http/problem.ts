/** What a caller is told when it is told no: problem details (RFC 9457). */
import { STATUS_CODES } from "node:http";
import { DecodeError, RangeViolation } from "@wattseal/base";
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { ZodError } from "zod";
import { RegistryError } from "../errors.js";

export const PROBLEM_TYPE = "application/problem+json";

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

const REGISTRY_STATUS: Readonly<Record<string, number>> = {
  token: 401,
  enrolment: 404,
  busy: 503,
  enrolled: 409,
  lct: 404,
  final: 409,
  grant: 409,
};
const GONE = 410;
const UNPROCESSABLE = 422;
const BAD_REQUEST = 400;

export function problem(status: number, code: string, detail: string): Problem {
  return { title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

/** Undefined for an error that is nobody's business but the log's. */
export function problemOf(thrown: unknown): Problem | undefined {
  if (thrown instanceof HttpRefusal) return problem(thrown.status, thrown.code, thrown.message);
  if (thrown instanceof DecodeError || thrown instanceof RangeViolation) {
    return problem(BAD_REQUEST, "malformed", thrown.message);
  }
  if (thrown instanceof ZodError) {
    const details = thrown.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    return problem(
      BAD_REQUEST,
      "malformed",
      `the body is not what this takes: ${details.join("; ")}`,
    );
  }
  if (thrown instanceof RegistryError) {
    const status = REGISTRY_STATUS[thrown.code];
    return status === undefined ? undefined : problem(status, thrown.code, thrown.message);
  }
  if (!(thrown instanceof LctKeysError)) return undefined;
  const { code, message } = thrown;
  if (code === "enrol-expired") return problem(GONE, code, message);
  if (code.startsWith("enrol-") || code.startsWith("document-")) {
    return problem(UNPROCESSABLE, code, message);
  }
  return undefined;
}
