/** A signer's socket, its clients, and who else may come to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cancel, type Clock, millis, silentLogger } from "@wattseal/base";
import {
  CountingAnchor,
  manualClock,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../../lct-keys.fixture.js";
import { LocalSigner } from "../local-signer.js";
import { type StateFiles, stateFilesIn } from "../state-files.js";
import { FrameReader, frameOf, MOST_BYTES } from "./frames.js";
import { RemoteSigner } from "./remote-signer.js";
import { decodeReply } from "./replies.js";
import { encodeGreeting } from "./requests.js";
import { SignerServer } from "./server.js";

export const TOKEN = seededEntropy("token").bytes(32);
export const log = tree("log", 60);

/** Runs only when it is told to. */
export class SteppedClock implements Clock {
  #now: number = START;
  readonly #tasks = new Map<() => void, number>();

  now() {
    return millis(this.#now);
  }

  at(time: number, task: () => void): Cancel {
    this.#tasks.set(task, time);
    return () => void this.#tasks.delete(task);
  }

  /** Tasks that wait for their time. */
  get waiting(): number {
    return this.#tasks.size;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [task, time] of this.#tasks) {
      if (time > this.#now) continue;
      this.#tasks.delete(task);
      task();
    }
  }
}

export interface TestSigner {
  readonly anchor: CountingAnchor;
  readonly clock: SteppedClock;
  readonly path: string;
  readonly directory: string;
  readonly server: SignerServer;
  readonly service: LocalSigner;
  readonly said: readonly string[];
  client(token?: Uint8Array): Promise<RemoteSigner>;
  begin(client: RemoteSigner, size: number, lastCounter: number): ReturnType<RemoteSigner["begin"]>;
  raw(): Promise<RawClient>;
}

const pack = testPack("socket");

/** Everything ends with the test. */
export async function testSigner(
  onFinished: (cleanUp: () => Promise<void>) => void,
  files?: (directory: string) => StateFiles,
  rationed = false,
): Promise<TestSigner> {
  const directory = await mkdtemp(join(tmpdir(), "wattseal-socket-"));
  const path = join(directory, "signer.sock");
  const clock = new SteppedClock();
  const anchor = new CountingAnchor(pack.anchor);
  anchor.rationed = rationed;
  const said: string[] = [];
  const say = (event: string) => void said.push(event);
  const logger = { ...silentLogger, warn: say, error: say };
  const service = await LocalSigner.open({
    directory,
    files: (files ?? stateFilesIn)(directory),
    anchor,
    document: pack.document,
    entropy: seededEntropy("socket epochs"),
    softwareVersion: "0.1.0",
    clock,
    logger,
  });
  const server = await SignerServer.listen({ service, path, token: TOKEN, clock, logger });
  const open: (() => unknown)[] = [];
  onFinished(async () => {
    for (const close of open) close();
    await server.close();
    await service.close();
    await rm(directory, { recursive: true });
  });
  return {
    anchor,
    clock,
    path,
    directory,
    server,
    service,
    said,
    async client(token = TOKEN) {
      const { lct } = pack.document;
      const client = new RemoteSigner({ path, token, clock: new SteppedClock(), lct });
      await client.connect();
      open.push(() => client.close());
      return client;
    },
    begin: (client, size, lastCounter) =>
      client.begin({
        log: log.log(size, { lastCounter }),
        clock: manualClock(),
        synchronised: true,
      }),
    async raw() {
      const client = await RawClient.connect(path);
      open.push(() => client.socket.destroy());
      return client;
    },
  };
}

/** Says what it likes. */
export class RawClient {
  readonly socket: Socket;
  readonly #reader = new FrameReader(MOST_BYTES);
  /** All that it was told. */
  readonly told: Uint8Array[] = [];
  readonly closed: Promise<void>;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
        this.told.push(frame);
      }
      this.#wake();
    });
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#wake();
        resolve();
      });
    });
  }

  static connect(path: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawClient(socket)));
    });
  }

  greet(token = TOKEN): void {
    this.frame(encodeGreeting(token));
  }

  frame(content: Uint8Array): void {
    this.socket.write(frameOf(content));
  }

  /** Resolves when it has been told so many frames, or is disconnected. */
  async untilTold(count: number): Promise<void> {
    while (this.told.length < count && !this.socket.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  replies() {
    return this.told.map(decodeReply);
  }
}
