import { request as httpRequest, type IncomingMessage } from "node:http";
import { messageOf } from "@wattseal/base";
import { CliError } from "../errors.js";
import { ControlError } from "./errors.js";
import type { Operation } from "./operations.js";
import { type Problem, problemSchema } from "./problem.js";

/** Far above any reply: 31 modules, 1,024 tickets. */
const MOST_REPLY = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/** The gateway answered, and the answer is no. */
export class RefusedByGateway extends ControlError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super("refused", kindOf(problem), problem.detail);
    this.problem = problem;
  }
}

/**
 * One operation of the gateway behind the socket at `path`. Throws CliError `unreachable` where none answers,
 * RefusedByGateway, and ControlError `not-understood` for an answer of another kind.
 */
export async function call<Out>(
  path: string,
  operation: Operation<Out>,
  body: object = {},
): Promise<Out> {
  const { status, text } = await exchange(path, operation, body);
  const json = parse(text);
  if (status === 200) {
    const reply = operation.response.safeParse(json);
    if (reply.success) return reply.data;
  } else {
    const problem = problemSchema.safeParse(json);
    if (problem.success) throw new RefusedByGateway(problem.data);
  }
  throw new ControlError(
    "not-understood",
    "peer",
    `What answers at ${path} (status ${status}) is no gateway of this version. Restart the gateway after an upgrade.`,
  );
}

function exchange(
  path: string,
  { method, path: target, request }: Operation,
  body: object,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(unreachable(path, cause));
    const sent = httpRequest(
      {
        socketPath: path,
        agent: false,
        path: target,
        method,
        timeout: TIMEOUT_MS,
        headers: request === undefined ? {} : { "content-type": "application/json" },
      },
      (response) => {
        textOf(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), fail);
      },
    );
    sent.once("error", fail);
    sent.once("timeout", () => {
      sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
    });
    sent.end(request === undefined ? undefined : JSON.stringify(body));
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of response.setEncoding("utf8")) {
    text += String(part);
    if (text.length > MOST_REPLY) throw new Error("the answer is too long");
  }
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(path: string, cause: unknown): CliError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const why =
    code === "EACCES"
      ? `You may not open ${path}: be its owner, or in its group.`
      : `No gateway answers at ${path} (${messageOf(cause)}). Start it: wattseal gateway --state DIR`;
  return new CliError("unreachable", why, { cause });
}

function kindOf({ status }: Problem): "usage" | "hardware" {
  return status < 500 ? "usage" : "hardware";
}
