/** An HTTP/1.1 server of few connections and short requests: at an address, or at a unix socket. */
import { chmod, lstat, mkdtemp, rename, rm } from "node:fs/promises";
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
import { basename, dirname, join } from "node:path";
import { type Logger, messageOf } from "@wattseal/base";
import { isLoopback } from "./loopback.js";
import { HttpRefusal, PROBLEM_TYPE, type Problem, problem } from "./problem.js";
import { RateLimit, type RateOptions } from "./rate.js";
import type { Reply } from "./route.js";

export interface TlsFiles {
  /** PEM, the server's own certificate first. */
  readonly cert: string;
  readonly key: string;
}

/** What is served, and how its log lines and errors call it. */
export interface Served {
  /** For people: "registry". Its log events begin with it. */
  readonly name: string;
  readonly answer: (request: IncomingMessage) => Promise<Reply>;
  /** Undefined: an error that is nobody's business but the log's. */
  readonly problemOf: (thrown: unknown) => Problem | undefined;
  /** What is thrown where it cannot be served. */
  readonly unservable: (message: string, options?: ErrorOptions) => Error;
  readonly logger: Logger;
}

export interface Address {
  /** An address, not a name. Loopback, unless there is TLS. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
}

/** Of one address. */
export type Rate = Omit<RateOptions, "addresses">;

const MOST_CONNECTIONS = 256;
const REQUEST_MS = 10_000;
const CLOSE_MS = 1_000;
const SOCKET_MODE = 0o600;
const ADDRESSES = 4_096;

const TIMES: ServerOptions = {
  requestTimeout: REQUEST_MS,
  headersTimeout: REQUEST_MS,
  connectionsCheckingInterval: REQUEST_MS / 10,
};

/** Requests that are being answered: whoever closes what they ask waits for them. */
type Answers = Set<Promise<void>>;

/** What a server has in the file system: nothing, or its socket's name. */
interface Name {
  /** Whether it still leads to this server: another may have put its own socket there. */
  readonly isOurs: () => Promise<boolean>;
  /** Takes it away where it does. */
  readonly remove: () => Promise<void>;
}
const NO_NAME: Name = { isOurs: async () => true, remove: async () => {} };

export class HttpServer {
  readonly #server: Server;
  /** Where it is reached. */
  readonly url: string;
  readonly #answers: Answers;
  readonly #name: Name;

  private constructor(server: Server, url: string, answers: Answers, name: Name) {
    this.#server = server;
    this.url = url;
    this.#answers = answers;
    this.#name = name;
  }

  /** Throws what `unservable` makes. */
  static async listen(
    served: Served,
    { host, port, tls }: Address,
    rate: Rate,
  ): Promise<HttpServer> {
    requireAddress(served, host, tls);
    const answers: Answers = new Set();
    const limit = new RateLimit({ ...rate, addresses: ADDRESSES });
    const listener = listenerOf(served, answers, limit);
    const server = tls === undefined ? createHttp(TIMES, listener) : secure(served, tls, listener);
    server.maxConnections = MOST_CONNECTIONS;
    await listening(served, server, host, () => server.listen(port, host));
    const bound = server.address();
    const at = typeof bound === "object" && bound !== null ? bound.port : port;
    const name = isIP(host) === 6 ? `[${host}]` : host;
    const url = `${tls === undefined ? "http" : "https"}://${name}:${at}`;
    served.logger.info(`${served.name}.listening`, { url });
    return new HttpServer(server, url, answers, NO_NAME);
  }

  /** On a socket of its owner's alone, in the place of whichever is there: the caller knows that it is a dead one's. */
  static async listenAt(served: Served, socket: string): Promise<HttpServer> {
    const answers: Answers = new Set();
    const server = createHttp(TIMES, listenerOf(served, answers, undefined));
    server.maxConnections = MOST_CONNECTIONS;
    const name = await bindAt(served, server, socket);
    served.logger.info(`${served.name}.operator`, { socket });
    return new HttpServer(server, socket, answers, name);
  }

  /** Whether who asks at `url` reaches this server: another may have taken its socket's place. */
  isReachable(): Promise<boolean> {
    return this.#name.isOurs();
  }

  /** Takes no new requests, and lets those under way end, their callers for a moment only. */
  async close(): Promise<void> {
    // Before another can find that nobody answers and bind there: its socket would be taken away for ours.
    await this.#name.remove();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(late);
    await Promise.all(this.#answers);
  }
}

/**
 * Binds it under another name and gives it its own then: closing a server unlinks the name that was bound (libuv), and that
 * may be somebody else's socket by then.
 */
async function bindAt(served: Served, server: Server, socket: string): Promise<Name> {
  const present = await lstat(socket).catch(() => undefined);
  if (present !== undefined && !present.isSocket()) {
    throw served.unservable(`${socket} is something else than a socket: remove it`);
  }
  const folder = await mkdtemp(join(dirname(socket), ".")).catch((cause: unknown) => {
    const message = `the ${served.name} cannot be served at ${socket}: ${messageOf(cause)}`;
    throw served.unservable(message, { cause });
  });
  try {
    // As long as its own name: whether there is room for that in a socket's address shows here.
    const aside = join(
      folder,
      "s".padEnd(basename(socket).length - basename(folder).length - 1, "s"),
    );
    await listening(served, server, socket, () => server.listen(aside));
    await chmod(aside, SOCKET_MODE);
    const { ino } = await lstat(aside, { bigint: true });
    await rename(aside, socket);
    const isOurs = async () => {
      const there = await lstat(socket, { bigint: true }).catch(() => undefined);
      return there?.ino === ino;
    };
    const remove = async () => {
      if (await isOurs()) await rm(socket, { force: true });
    };
    return { isOurs, remove };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** In clear only to this machine: a token must not be read on its way. */
function requireAddress(
  { name, unservable }: Served,
  host: string,
  tls: TlsFiles | undefined,
): void {
  if (isIP(host) === 0) {
    throw unservable(`${host} is no address: use one such as 127.0.0.1 or ::1`);
  }
  if (tls !== undefined || isLoopback(host)) return;
  throw unservable(`${host} is not loopback: a ${name} there needs TLS`);
}

function secure(
  { unservable }: Served,
  { cert, key }: TlsFiles,
  listener: RequestListener,
): Server {
  try {
    return createHttps({ ...TIMES, cert, key, minVersion: "TLSv1.2" }, listener);
  } catch (cause) {
    throw unservable(`certificate or key cannot be used: ${messageOf(cause)}`, { cause });
  }
}

function listening(
  { name, unservable }: Served,
  server: Server,
  where: string,
  listen: () => Server,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `the ${name} cannot be served at ${where}: ${messageOf(cause)}`;
      reject(unservable(message, { cause }));
    });
    server.once("listening", () => resolve());
    listen();
  });
}

function listenerOf(
  served: Served,
  answers: Answers,
  rate: RateLimit | undefined,
): RequestListener {
  return (request, response) => {
    const answered = async () => {
      const wait = rate?.take(request.socket.remoteAddress ?? "") ?? 0;
      if (wait > 0) {
        const headers = { "retry-after": String(wait) };
        throw new HttpRefusal(429, "rate-limited", `too many requests: in ${wait} s`, headers);
      }
      return served.answer(request);
    };
    const answer = answered()
      .catch((thrown: unknown) => refusalOf(thrown, served))
      .then((reply) => send(request, response, reply))
      .finally(() => void answers.delete(answer));
    answers.add(answer);
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

function refusalOf(thrown: unknown, { name, problemOf, logger }: Served): Reply {
  const known = problemOf(thrown);
  if (known === undefined) logger.error(`${name}.failed`, { error: messageOf(thrown) });
  const body =
    known ?? problem(500, "internal", `The ${name} could not do this. Its log says why.`);
  const headers = thrown instanceof HttpRefusal ? thrown.headers : undefined;
  return { status: body.status, type: PROBLEM_TYPE, body, ...(headers && { headers }) };
}
