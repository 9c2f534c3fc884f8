import { STATUS_CODES } from "node:http";
import { GatewayError } from "@wattseal/gateway";
import { LctKeysError } from "@wattseal/lct-keys/verify";
import { TpmError } from "@wattseal/tpm2";
import { z } from "zod";
import { RequestError } from "./errors.js";

export const PROBLEM_TYPE = "application/problem+json";

/** RFC 9457, type about:blank: `title` is the status code's, `code` says more to programs. */
export const problemSchema = z
  .object({
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe("What is wrong, and what to do."),
    code: z.string().describe("Stable; for programs."),
    errors: z
      .array(z.object({ path: z.string(), problem: z.string() }))
      .optional()
      .describe("Where the body is wrong."),
  })
  .describe("Problem details (RFC 9457).");
export type Problem = z.infer<typeof problemSchema>;

export interface ProblemReply {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the gateway says no. Whatever else it throws is nobody's business but the log's. */
const GATEWAY_STATUS: Readonly<Record<string, number>> = {
  "order-refused": 409,
  busy: 503,
  stopping: 503,
  "ledger-stopped": 503,
};

/** What the caller is told of an error; undefined for one that only the log should name. */
export function problemOf(thrown: unknown): ProblemReply | undefined {
  if (thrown instanceof RequestError) {
    const { status, code, message, errors, headers } = thrown;
    const problem = { title: titleOf(status), status, detail: message, code };
    return {
      problem: errors.length === 0 ? problem : { ...problem, errors: [...errors] },
      headers,
    };
  }
  if (thrown instanceof LctKeysError || thrown instanceof TpmError) return signerProblem(thrown);
  if (!(thrown instanceof GatewayError)) return undefined;
  const { code, message } = thrown;
  const status = GATEWAY_STATUS[code];
  if (status === undefined) return undefined;
  const headers = code === "busy" ? { "retry-after": "1" } : {};
  return { problem: { title: titleOf(status), status, detail: message, code }, headers };
}

/** The signer cannot now, or its TPM: who asked may ask again once that is put right. */
function signerProblem(thrown: LctKeysError | TpmError): ProblemReply {
  const { code, message } = thrown;
  const retryAfterMs = thrown instanceof LctKeysError ? thrown.retryAfterMs : undefined;
  const headers: ProblemReply["headers"] =
    retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
  return { problem: { title: titleOf(503), status: 503, detail: message, code }, headers };
}

export const INTERNAL: ProblemReply = {
  problem: {
    title: titleOf(500),
    status: 500,
    detail: "The gateway could not do this. Its log says why.",
    code: "internal",
  },
  headers: {},
};

function titleOf(status: number): string {
  return STATUS_CODES[status] ?? "Error";
}
