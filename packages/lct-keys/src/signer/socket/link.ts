/** The client's end of one connection to the signer: requests out, answers matched to them. */
import { connect, type Socket } from "node:net";
import {
  type CborValue,
  type Clock,
  DecodeError,
  InvariantViolation,
  messageOf,
  millis,
} from "@wattseal/base";
import { LctKeysError } from "../../verify/errors.js";
import type { HalfStatus } from "../port.js";
import { FrameReader, frameOf, MOST_BYTES } from "./frames.js";
import { decodeHalves, decodeReply, NO_REQUEST, type Reply } from "./replies.js";
import { encodeGreeting, encodeRequest, type Request } from "./requests.js";

export interface LinkOptions {
  readonly path: string;
  /** 32 bytes. */
  readonly token: Uint8Array;
  /** Only runs. */
  readonly clock: Clock;
}

/** Gives the proof that the signer asks for of its client's log. */
export type Prove = (from: number, to: number) => Promise<readonly Uint8Array[]>;

interface Waiting {
  readonly resolve: (result: CborValue | undefined) => void;
  readonly reject: (error: Error) => void;
  readonly prove: Prove | undefined;
}

/** A TPM takes seconds where it has much to do; an epoch takes several of its calls. */
const ANSWER_MS = 60_000;
const GREETING_MS = 10_000;

const unreachable = (path: string, problem: string, options?: ErrorOptions) =>
  new LctKeysError(
    "signer-unreachable",
    `no signer answers at ${path}: ${problem}. Start it: wattseal signer`,
    options,
  );

export class Link {
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #reader = new FrameReader(MOST_BYTES);
  readonly #waiting = new Map<number, Waiting>();
  #lastId = NO_REQUEST;
  #ended: Error | undefined;
  /** As the signer said when it admitted us. */
  halves: readonly HalfStatus[] = [];

  private constructor(options: LinkOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("error", (cause) =>
      this.#fail(unreachable(options.path, messageOf(cause), { cause })),
    );
    socket.on("close", () => this.#fail(unreachable(options.path, "it closed the connection")));
  }

  /** Throws `signer-unreachable`, `signer-busy`, `signer-token`. */
  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options, connect(options.path));
    const greeting = link.#await(NO_REQUEST, GREETING_MS, undefined);
    let connected = false;
    link.#socket.once("connect", () => {
      connected = true;
      link.#socket.write(frameOf(encodeGreeting(options.token)));
    });
    try {
      link.halves = decodeHalves(await greeting);
      return link;
    } catch (cause) {
      link.close();
      const closed = cause instanceof LctKeysError && cause.code === "signer-unreachable";
      if (!connected || !closed) throw cause;
      throw new LctKeysError(
        "signer-token",
        `the signer at ${options.path} ended the connection unanswered: both have to be given the same token`,
        { cause },
      );
    }
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Throws what the signer refused with, or `signer-unreachable` when the connection ends first. */
  call(request: Request, prove?: Prove): Promise<CborValue | undefined> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    const frame = frameOf(encodeRequest(id, request));
    const answer = this.#await(id, ANSWER_MS, prove);
    this.#socket.write(frame);
    return answer;
  }

  close(): void {
    this.#fail(new LctKeysError("signer-closed", "the connection to the signer was closed"));
  }

  async #await(id: number, ms: number, prove: Prove | undefined): Promise<CborValue | undefined> {
    const { clock, path } = this.#options;
    const late = clock.at(millis(clock.now() + ms), () =>
      this.#fail(unreachable(path, `no answer in ${ms / 1000} s`)),
    );
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject, prove });
      });
    } finally {
      late();
      this.#waiting.delete(id);
    }
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    this.#socket.destroy();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
  }

  #received(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        const { id, reply } = decodeReply(frame);
        this.#take(id, reply);
      }
    } catch (cause) {
      if (!(cause instanceof DecodeError)) throw cause;
      const problem = `what it said cannot be read (${messageOf(cause)})`;
      this.#fail(unreachable(this.#options.path, problem, { cause }));
    }
  }

  #take(id: number, reply: Reply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new DecodeError("signer reply", 0, "answers no request");
    if (reply.kind === "ok") waiting.resolve(reply.result);
    else if (reply.kind === "refused") waiting.reject(reply.error);
    else this.#prove(id, waiting, reply.from, reply.to);
  }

  #prove(id: number, { prove, reject }: Waiting, from: number, to: number): void {
    if (prove === undefined) throw new DecodeError("signer reply", 0, "asks for a proof of no log");
    prove(from, to)
      .then((proof) => {
        this.#socket.write(frameOf(encodeRequest(id, { call: "proof", proof })));
      })
      .catch((cause: unknown) => {
        reject(cause instanceof Error ? cause : new InvariantViolation(String(cause)));
        this.close();
      });
  }
}
