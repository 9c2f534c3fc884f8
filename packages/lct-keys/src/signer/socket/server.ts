/**
 * The signer's unix socket.
 *
 * Trust: who can open the socket (its directory is 0750, of the signer's group) and knows the token may have
 * checkpoints signed that extend the last one, agree on link secrets with the device halves, and ask for statements;
 * the keys stay here, and so does the judgement of what is signed. Without the token nothing is answered at all.
 */
import { timingSafeEqual } from "node:crypto";
import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { type Clock, DecodeError, type Logger, messageOf, millis } from "@wattseal/base";
import { LctKeysError } from "../../verify/errors.js";
import type { LocalSigner } from "../local-signer.js";
import { CallLimits } from "./call-limits.js";
import { FrameReader, frameOf, MOST_BYTES } from "./frames.js";
import { halfItem, NO_REQUEST, okReply, refusalReply } from "./replies.js";
import { decodeGreeting, MOST_GREETING } from "./requests.js";
import { Session } from "./session.js";

export interface SignerServerOptions {
  /** Outlives the server. */
  readonly service: LocalSigner;
  /** Of the socket; its directory is there, and nothing else has the name. */
  readonly path: string;
  /** 32 bytes that only the client knows beside us. */
  readonly token: Uint8Array;
  /** Only runs. */
  readonly clock: Clock;
  readonly logger: Logger;
}

const SOCKET_MODE = 0o660;
/** Connections of whoever has not shown the token yet, and the one that has. */
const MOST_CONNECTIONS = 8;
const GREETING_MS = 2_000;
/** For the rest of a frame, from its first byte on. */
const FRAME_MS = 5_000;
/** Requests under way. */
const MOST_PENDING = 64;
/** Answers that the client does not read. */
const MOST_UNREAD = 4 * MOST_BYTES;
const DRAIN_MS = 5_000;

export class SignerServer {
  readonly #options: SignerServerOptions;
  readonly #server: Server;
  readonly #limits: CallLimits;
  readonly #connections = new Set<Connection>();
  #closing = false;
  #idle: () => void = () => {};

  private constructor(options: SignerServerOptions) {
    this.#options = options;
    this.#limits = new CallLimits(options.clock);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** Throws what listening threw. */
  static async listen(options: SignerServerOptions): Promise<SignerServer> {
    const server = new SignerServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.path, resolve);
    });
    // Until here the process's umask keeps others out, and no token has been seen.
    await chmod(options.path, SOCKET_MODE);
    options.logger.info("signer.listening", { socket: options.path });
    return server;
  }

  /** Takes nothing more, answers what is under way for up to 5 s, and ends every connection and its epoch. */
  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const { clock } = this.#options;
    for (const connection of this.#connections) connection.hold();
    await new Promise<void>((resolve) => {
      const cancel = clock.at(millis(clock.now() + DRAIN_MS), resolve);
      this.#idle = () => {
        if ([...this.#connections].some(({ pending }) => pending > 0)) return;
        cancel();
        resolve();
      };
      this.#idle();
    });
    await Promise.all([...this.#connections].map((connection) => connection.end()));
    await closed;
  }

  #accept(socket: Socket): void {
    const { options, limits } = { options: this.#options, limits: this.#limits };
    const connection: Connection = new Connection(socket, options, {
      admit: () => !this.#closing && ![...this.#connections].some(({ admitted }) => admitted),
      session: (send) =>
        new Session({ ...options, limits, send, onSettled: () => connection.settled() }),
      settled: () => this.#idle(),
      closed: () => {
        this.#connections.delete(connection);
        this.#idle();
      },
    });
    this.#connections.add(connection);
    if (this.#closing) void connection.end();
  }
}

interface Host {
  /** Whether nobody else is served. */
  admit(): boolean;
  session(send: (reply: Uint8Array) => void): Session;
  settled(): void;
  closed(): void;
}

class Connection {
  readonly #socket: Socket;
  readonly #options: SignerServerOptions;
  readonly #host: Host;
  readonly #reader = new FrameReader(MOST_GREETING);
  #session: Session | undefined;
  #held = false;
  #overdue: (() => void) | undefined;
  readonly #closed: Promise<void>;

  constructor(socket: Socket, options: SignerServerOptions, host: Host) {
    this.#socket = socket;
    this.#options = options;
    this.#host = host;
    this.#within(GREETING_MS);
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("error", () => void socket.destroy());
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => void this.#left().then(resolve));
    });
  }

  /** It has shown the token. */
  get admitted(): boolean {
    return this.#session !== undefined;
  }

  get pending(): number {
    return this.#session?.pending ?? 0;
  }

  /** Reads no further request. */
  hold(): void {
    this.#held = true;
    this.#socket.pause();
  }

  /** Once what was answered is sent; resolves when the epoch is over too. */
  end(): Promise<void> {
    this.#socket.destroySoon();
    return this.#closed;
  }

  settled(): void {
    this.#proceed();
    this.#host.settled();
  }

  async #left(): Promise<void> {
    this.#overdue?.();
    const session = this.#session;
    this.#session = undefined;
    this.#host.closed();
    if (session === undefined) return;
    this.#options.logger.info("signer.client-left");
    await session.end();
  }

  #within(ms: number): void {
    const { clock } = this.#options;
    this.#overdue ??= clock.at(millis(clock.now() + ms), () => this.#refuse("took too long"));
  }

  #received(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    this.#proceed();
  }

  /** Takes what has arrived, up to as many requests as may be under way; what comes after them stays in the socket. */
  #proceed(): void {
    try {
      while (!this.#held && !this.#socket.destroyed && this.pending < MOST_PENDING) {
        const frame = this.#reader.next();
        if (frame === undefined) {
          if (this.#reader.within) this.#within(FRAME_MS);
          break;
        }
        this.#overdue?.();
        this.#overdue = undefined;
        this.#take(frame);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#refuse(messageOf(error));
      return;
    }
    if (this.#held) return;
    if (this.pending >= MOST_PENDING) this.#socket.pause();
    else this.#socket.resume();
  }

  #take(frame: Uint8Array): void {
    if (this.#session !== undefined) {
      this.#session.receive(frame);
      return;
    }
    if (!timingSafeEqual(decodeGreeting(frame), this.#options.token)) {
      this.#refuse("shows another token");
      return;
    }
    if (!this.#host.admit()) {
      this.#options.logger.warn("signer.second-client");
      const busy = "the signer serves another client: one gateway at a time";
      this.#socket.end(frameOf(refusalReply(NO_REQUEST, new LctKeysError("signer-busy", busy))));
      return;
    }
    this.#session = this.#host.session((reply) => this.#send(reply));
    this.#reader.allow(MOST_BYTES);
    this.#options.logger.info("signer.client");
    this.#send(okReply(NO_REQUEST, this.#options.service.halves.map(halfItem)));
  }

  #send(reply: Uint8Array): void {
    if (this.#socket.writableLength > MOST_UNREAD) this.#refuse("reads no answers");
    else if (!this.#socket.destroyed) this.#socket.write(frameOf(reply));
  }

  /** Who does not speak as a client does is not told why: only the log is. */
  #refuse(problem: string): void {
    this.#options.logger.warn("signer.connection-refused", { problem });
    this.#socket.destroy();
  }
}
