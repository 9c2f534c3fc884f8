/**
 * The registry over HTTP/1.1.
 *
 * Trust: anyone who reaches the public listener may ask for any standing; to enrol takes a token, and a proof. Documents
 * and statements are signed, so whoever sits in between can withhold them, not change them; the token is a secret, which
 * is why anything but loopback is TLS. Who can open the operator's socket can grant tokens and void LCTs: it is its
 * owner's alone (0600).
 */
import { chmod, lstat, rm } from "node:fs/promises";
import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps } from "node:https";
import { isIP } from "node:net";
import { type Clock, type Logger, messageOf } from "@wattseal/base";
import { RegistryError } from "../errors.js";
import type { LctRegistry } from "../registry.js";
import { isLoopback } from "./loopback.js";
import { registryOpenApi } from "./openapi.js";
import { HttpRefusal, PROBLEM_TYPE, problem, problemOf } from "./problem.js";
import { RateLimit } from "./rate.js";
import { bodyOf, parametersOf, targetOf, tokenOf } from "./request.js";
import { JSON_TYPE, type Reply, ROUTES, type Route } from "./routes.js";

export interface TlsFiles {
  /** PEM, the server's own certificate first. */
  readonly cert: string;
  readonly key: string;
}

export interface RegistryServerOptions {
  readonly registry: LctRegistry;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

export interface ListenOptions extends RegistryServerOptions {
  /** An address, not a name. Loopback, unless there is TLS. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
}

/** docs/registry.openapi.json is what this gives, formatted. */
const DESCRIPTION_PATH = "/openapi.json";
const MOST_CONNECTIONS = 256;
const REQUEST_MS = 10_000;
const CLOSE_MS = 1_000;
const SOCKET_MODE = 0o600;
const BURST = 40;
const PER_SECOND = 4;
const ADDRESSES = 4_096;

const TIMES: ServerOptions = {
  requestTimeout: REQUEST_MS,
  headersTimeout: REQUEST_MS,
  connectionsCheckingInterval: REQUEST_MS / 10,
};

export class RegistryServer {
  readonly #server: Server;
  /** Where it is reached. */
  readonly url: string;
  readonly #left: () => Promise<void>;

  private constructor(server: Server, url: string, left: () => Promise<void>) {
    this.#server = server;
    this.url = url;
    this.#left = left;
  }

  /** What anyone may ask. Throws RegistryError `listen`. */
  static async listen(options: ListenOptions): Promise<RegistryServer> {
    const { host, port, tls, clock, logger } = options;
    requireAddress(host, tls);
    const rate = new RateLimit({
      clock,
      burst: BURST,
      perSecond: PER_SECOND,
      addresses: ADDRESSES,
    });
    const served = listenerOf(options, "anyone", rate);
    const server = tls === undefined ? createHttp(TIMES, served) : secure(tls, served);
    server.maxConnections = MOST_CONNECTIONS;
    await listening(server, host, () => server.listen(port, host));
    const bound = server.address();
    const at = typeof bound === "object" && bound !== null ? bound.port : port;
    const name = isIP(host) === 6 ? `[${host}]` : host;
    const url = `${tls === undefined ? "http" : "https"}://${name}:${at}`;
    logger.info("registry.listening", { url });
    return new RegistryServer(server, url, async () => {});
  }

  /** What the operator may order, on a socket of the state folder's owner. Throws RegistryError `listen`. */
  static async listenForOperator(
    options: RegistryServerOptions & { readonly socket: string },
  ): Promise<RegistryServer> {
    const { socket, logger } = options;
    await removeDead(socket);
    const server = createHttp(TIMES, listenerOf(options, "operator", undefined));
    server.maxConnections = MOST_CONNECTIONS;
    await listening(server, socket, () => server.listen(socket));
    await chmod(socket, SOCKET_MODE);
    logger.info("registry.operator", { socket });
    return new RegistryServer(server, socket, () => rm(socket, { force: true }));
  }

  /** Takes no new requests, and lets those under way end, for a moment. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(late);
    await this.#left();
  }
}

/** The registry's store is locked by this process: a socket that is left there is a dead one's. */
async function removeDead(socket: string): Promise<void> {
  const present = await lstat(socket).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) {
    throw new RegistryError("listen", `${socket} is something else than a socket: remove it`);
  }
  await rm(socket);
}

/** In clear only to this machine: a token must not be read on its way. */
function requireAddress(host: string, tls: TlsFiles | undefined): void {
  if (isIP(host) === 0) {
    throw new RegistryError("listen", `${host} is no address: use one such as 127.0.0.1 or ::1`);
  }
  if (tls !== undefined || isLoopback(host)) return;
  throw new RegistryError("listen", `${host} is not loopback: a registry there needs TLS`);
}

function secure({ cert, key }: TlsFiles, served: RequestListener): Server {
  try {
    return createHttps({ ...TIMES, cert, key, minVersion: "TLSv1.2" }, served);
  } catch (cause) {
    throw new RegistryError("listen", `certificate or key cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function listening(server: Server, where: string, listen: () => Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `the registry cannot be served at ${where}: ${messageOf(cause)}`;
      reject(new RegistryError("listen", message, { cause }));
    });
    server.once("listening", () => resolve());
    listen();
  });
}

function listenerOf(
  options: RegistryServerOptions,
  audience: Route["audience"],
  rate: RateLimit | undefined,
): RequestListener {
  const { registry, logger } = options;
  return (request, response) => {
    const answered = async () => {
      const wait = rate?.take(request.socket.remoteAddress ?? "") ?? 0;
      if (wait > 0) {
        const headers = { "retry-after": String(wait) };
        throw new HttpRefusal(429, "rate-limited", `too many requests: in ${wait} s`, headers);
      }
      return replyTo(registry, request, audience);
    };
    void answered()
      .catch((thrown: unknown) => refusalOf(thrown, logger))
      .then((reply) => send(request, response, reply));
  };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  const { status, type, body, headers } = reply;
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(bytes);
  // What is left of a body that nobody reads, so that its sender gets to the answer.
  request.resume();
}

function refusalOf(thrown: unknown, logger: Logger): Reply {
  const known = problemOf(thrown);
  if (known === undefined) logger.error("registry.failed", { error: messageOf(thrown) });
  const body =
    known ?? problem(500, "internal", "The registry could not do this. Its log says why.");
  const headers = thrown instanceof HttpRefusal ? thrown.headers : undefined;
  return { status: body.status, type: PROBLEM_TYPE, body, ...(headers && { headers }) };
}

async function replyTo(
  registry: LctRegistry,
  request: IncomingMessage,
  audience: Route["audience"],
): Promise<Reply> {
  const { pathname, searchParams } = targetOf(request);
  if (pathname === DESCRIPTION_PATH && request.method === "GET") {
    return { status: 200, type: JSON_TYPE, body: registryOpenApi() };
  }
  // The operator may ask whatever anyone may.
  const served = ROUTES.filter((route) => audience === "operator" || route.audience === "anyone");
  const there = served.flatMap((route) => {
    const parameters = parametersOf(route.path, pathname);
    return parameters === undefined ? [] : [{ route, parameters }];
  });
  const [first] = there;
  if (first === undefined) {
    throw new HttpRefusal(404, "not-found", `there is no ${pathname.slice(0, 100)} here`);
  }
  const method = request.method === "HEAD" ? "GET" : request.method;
  const found = there.find(({ route }) => route.method === method);
  if (found === undefined) {
    const allow = there.map(({ route }) => route.method).join(", ");
    throw new HttpRefusal(405, "method-not-allowed", `this takes ${allow}`, { allow });
  }
  const { route, parameters } = found;
  const token = tokenOf(request, route);
  const body = await bodyOf(request, route);
  return route.handle(registry, { parameters, query: searchParams, token, body });
}
