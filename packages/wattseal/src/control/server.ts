import { chmod } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Logger, messageOf } from "@wattseal/base";
import { prepareSocketPath } from "../ports/socket-path.js";
import { readBody } from "./body.js";
import { ControlError, RequestError } from "./errors.js";
import { openApiOf } from "./openapi.js";
import { type Controlled, OPERATION_LIST, type Operation } from "./operations.js";
import { INTERNAL, PROBLEM_TYPE, problemOf } from "./problem.js";

export interface ControlServerOptions {
  readonly gateway: Controlled;
  /** Of the listening socket. */
  readonly path: string;
  readonly logger: Logger;
}

const SOCKET_MODE = 0o660;
const SOCKET_USE = {
  setting: "control.socket in gateway.toml, or WATTSEAL_CONTROL_SOCKET,",
  server: "another gateway",
};
const MOST_CONNECTIONS = 64;
const REQUEST_MS = 10_000;
const CLOSE_MS = 1000;
const DESCRIPTION_PATH = "/openapi.json";

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/**
 * The gateway's control socket: HTTP/1.1 with JSON.
 *
 * Trust: who can open the socket can order what OPERATIONS holds: spend and certify the society's energy, settle
 * suspect intervals, open every relay. It is readable and writable by its owner and group alone (0660); put only
 * those into the group who may do all of that. Nobody is authenticated beyond that, and no order says who gave it.
 */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #byPath: ReadonlyMap<string, Operation> = new Map(
    OPERATION_LIST.map((operation) => [operation.path, operation]),
  );

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        requestTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS,
        connectionsCheckingInterval: REQUEST_MS / 10,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Throws ControlError `control-socket` when the path cannot be served. */
  static async listen(options: ControlServerOptions): Promise<ControlServer> {
    const { path, logger } = options;
    const fail = (problem: string, cause?: unknown) => socketError(path, problem, cause);
    await prepareSocketPath(path, { ...SOCKET_USE, fail });
    const server = new ControlServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", (cause) => reject(fail(messageOf(cause), cause)));
      server.#server.listen(path, resolve);
    });
    // Until here the process's umask keeps others out.
    await chmod(path, SOCKET_MODE);
    logger.info("control.listening", { socket: path });
    return server;
  }

  /** Takes no new requests, and lets those under way end, for a moment. The socket's file goes with it. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const late = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(late);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await this.#replyTo(request).catch((thrown: unknown) => this.#refusal(thrown));
    if (response.destroyed) return;
    const text = JSON.stringify(reply.body);
    response.writeHead(reply.status, {
      "content-type": reply.type,
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
      ...reply.headers,
    });
    response.end(text);
    // What is left of a body that nobody reads, so that its sender gets to the answer.
    request.resume();
  }

  async #replyTo(request: IncomingMessage): Promise<Reply> {
    const path = pathOf(request);
    const type = "application/json";
    if (path === DESCRIPTION_PATH) {
      requireMethod(request, "GET");
      return { status: 200, type, body: openApiOf(OPERATION_LIST) };
    }
    const operation = this.#byPath.get(path);
    if (operation === undefined) {
      throw new RequestError(
        "not-found",
        `There is no ${path.slice(0, 100)} here; GET ${DESCRIPTION_PATH} describes what there is.`,
      );
    }
    requireMethod(request, operation.method);
    const body = operation.request === undefined ? undefined : await readBody(request);
    return { status: 200, type, body: await operation.run(this.#options.gateway, body) };
  }

  #refusal(thrown: unknown): Reply {
    const known = problemOf(thrown);
    if (known === undefined) {
      this.#options.logger.error("control.failed", { error: messageOf(thrown) });
    }
    const { problem, headers } = known ?? INTERNAL;
    return { status: problem.status, type: PROBLEM_TYPE, headers, body: problem };
  }
}

/** Of a target in origin-form or absolute-form (RFC 9112 §3.2). */
function pathOf({ url = "" }: IncomingMessage): string {
  return URL.canParse(url, "http://localhost") ? new URL(url, "http://localhost").pathname : url;
}

/** HEAD is a GET whose body is not sent (RFC 9110 §9.3.2). */
function requireMethod({ method }: IncomingMessage, wanted: "GET" | "POST"): void {
  if (method === wanted || (method === "HEAD" && wanted === "GET")) return;
  const allow = wanted === "GET" ? "GET, HEAD" : wanted;
  throw new RequestError("method-not-allowed", `This takes ${allow}.`, { headers: { allow } });
}

function socketError(path: string, problem: string, cause?: unknown): ControlError {
  const message = `control socket ${path}: ${problem}.`;
  return new ControlError("control-socket", "hardware", message, { cause });
}
