import { lstat, mkdir, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { type Logger, messageOf, silentLogger } from "@wattseal/base";
import type { VirtualBus } from "../bus/virtual-bus.js";
import { SimError } from "../errors.js";
import type { SimKernel } from "../time/kernel.js";
import type { WallClock } from "../time/wall-clock.js";
import { HoldWatch } from "./hold-watch.js";
import { DEFAULT_QUANTUM_MICROS, ServerPeer } from "./server-peer.js";

/** sun_path of unix(7), without its closing zero. */
const LONGEST_PATH = 107;

export interface BusServerOptions {
  readonly kernel: SimKernel;
  readonly bus: VirtualBus;
  /** Of the listening socket. Its directory is made if absent and must be its owner's alone. */
  readonly path: string;
  /** Simulated µs between a frame and the moment a client hears of it. */
  readonly quantumMicros?: number;
  /** With it, the log names a client that holds time for 10 s. */
  readonly wall?: WallClock;
  readonly logger?: Logger;
}

/**
 * Lets other processes onto the virtual bus, time included.
 *
 * Trust: whoever can open the socket can send any frame, and can hold simulated time by not answering. The
 * directory's mode keeps other users out; nobody else is kept out.
 */
export class BusServer {
  readonly path: string;
  readonly #server: Server;
  readonly #options: BusServerOptions;
  readonly #logger: Logger;
  readonly #peers = new Set<ServerPeer>();
  readonly #waiting: (() => void)[] = [];
  readonly #holds: HoldWatch | undefined;
  #joined = 0;

  private constructor(options: BusServerOptions) {
    this.path = options.path;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const { wall } = options;
    this.#holds = wall === undefined ? undefined : new HoldWatch(wall, this.#logger);
    this.#server = createServer((socket) => this.#join(socket));
  }

  /** Throws SimError `bus-socket` when the path cannot be served. */
  static async listen(options: BusServerOptions): Promise<BusServer> {
    await preparePath(options.path);
    const server = new BusServer(options);
    await server.#listen();
    void server.#holds?.watch(server.#peers);
    return server;
  }

  get clients(): number {
    return this.#peers.size;
  }

  /** Settles when a client is there: a fast simulation is not begun before. */
  joined(): Promise<void> {
    if (this.#peers.size > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  async close(): Promise<void> {
    this.#holds?.close();
    for (const peer of this.#peers) peer.close("the simulator has stopped");
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause) =>
        reject(socketError(this.path, messageOf(cause), cause)),
      );
      this.#server.listen(this.path, () => resolve());
    });
  }

  #join(socket: Socket): void {
    this.#joined += 1;
    const name = `client-${this.#joined}`;
    const { kernel, bus, quantumMicros } = this.#options;
    const peer = new ServerPeer({
      kernel,
      bus,
      socket,
      name,
      quantumMicros: quantumMicros ?? DEFAULT_QUANTUM_MICROS,
      gone: (reason) => {
        this.#peers.delete(peer);
        this.#logger.info("bus.client.left", { client: name, reason });
      },
    });
    this.#peers.add(peer);
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#logger.info("bus.client.joined", { client: name });
  }
}

async function preparePath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw socketError(path, `a socket's path has at most ${LONGEST_PATH} bytes`);
  }
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { mode } = await stat(directory);
  if ((mode & 0o077) !== 0) {
    throw socketError(path, `${directory} is open to others; use a directory with mode 0700`);
  }
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) throw socketError(path, "something else has this name");
  if (await answers(path)) throw socketError(path, "another simulator serves it");
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (answer: boolean) => {
      probe.destroy();
      resolve(answer);
    };
    probe.once("connect", () => settle(true));
    probe.once("error", () => settle(false));
  });
}

function socketError(path: string, problem: string, cause?: unknown): SimError {
  return new SimError("bus-socket", "hardware", `bus socket ${path}: ${problem}`, { cause });
}
