/** The emulator swtpm over its unix or TCP socket: commands and responses as they are, one client at a time. */
import { connect, type Socket } from "node:net";
import { concatBytes, viewOf } from "@wattseal/base";
import { TpmError } from "../wire/errors.js";
import type { Connection, Transport } from "./transport.js";

export type SwtpmAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

export interface SwtpmOptions {
  readonly address: SwtpmAddress;
  /** A command that takes longer has failed, ms. Making an RSA key takes longest. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const HEADER = 10;
/** TPM_MAX_RESPONSE_SIZE of swtpm. */
const MOST_RESPONSE = 4096;

const describe = (address: SwtpmAddress) =>
  "path" in address ? address.path : `${address.host}:${address.port}`;

export function swtpmTransport({
  address,
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: SwtpmOptions): Transport {
  return {
    open: () =>
      new Promise((resolve, reject) => {
        const socket = connect(address);
        const refuse = (cause: unknown) => {
          socket.destroy();
          const problem = `no TPM emulator answers at ${describe(address)}: is swtpm running, and has it no other client?`;
          reject(new TpmError("tpm-unreachable", problem, { cause }));
        };
        socket.once("error", refuse);
        socket.setTimeout(timeoutMs, () => refuse(undefined));
        socket.once("connect", () => {
          socket.off("error", refuse);
          socket.setTimeout(0);
          socket.removeAllListeners("timeout");
          resolve(new SocketConnection(socket, timeoutMs));
        });
      }),
  };
}

interface Waiting {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: TpmError) => void;
}

export class SocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #received: Uint8Array = new Uint8Array(0);
  #waiting: Waiting | undefined;
  #failure: TpmError | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (cause) => this.#fail("tpm-unreachable", "the TPM's socket failed", cause));
    socket.on("close", () => this.#fail("tpm-unreachable", "the TPM closed the connection"));
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting !== undefined) {
      throw new TpmError("tpm-usage", "a command is under way on this connection");
    }
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const timer = setTimeout(() => {
      this.#fail("tpm-timeout", `no answer within ${this.#timeoutMs} ms`);
    }, this.#timeoutMs);
    try {
      this.#socket.write(command);
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      // An emulator that serves somebody else has not accepted this connection, and would not end its side.
      this.#socket.destroySoon();
    });
  }

  #take(chunk: Uint8Array): void {
    this.#received = concatBytes(this.#received, chunk);
    if (this.#received.length < HEADER) return;
    const size = viewOf(this.#received).getUint32(2);
    if (size < HEADER || size > MOST_RESPONSE || this.#received.length > size) {
      this.#fail("tpm-response", `a response of ${this.#received.length} bytes announces ${size}`);
    } else if (this.#received.length === size) this.#answer();
  }

  #answer(): void {
    const waiting = this.#waiting;
    const response = this.#received;
    this.#waiting = undefined;
    this.#received = new Uint8Array(0);
    if (waiting === undefined) this.#fail("tpm-response", "a response that nobody asked for");
    else waiting.resolve(response);
  }

  /** An answer may still be on its way: nothing more can be asked here. */
  #fail(code: ConstructorParameters<typeof TpmError>[0], problem: string, cause?: unknown): void {
    this.#failure ??= new TpmError(code, problem, { cause });
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}
