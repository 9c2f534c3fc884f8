/**
 * The kernel's TPM through its resource manager, /dev/tpmrm0. Reading waits in a thread of its own, so that a TPM that takes
 * its time keeps nobody waiting; a command that was begun cannot be cancelled from here.
 */
import { type FileHandle, open } from "node:fs/promises";
import { messageOf } from "@wattseal/base";
import { TpmError } from "../wire/errors.js";
import type { Connection, Transport } from "./transport.js";

export interface DeviceOptions {
  /** Default /dev/tpmrm0. Without its resource manager (/dev/tpm0) only one process can use the TPM. */
  readonly path?: string;
  /** A command that takes longer has failed, ms. The kernel gives up after two to five minutes itself. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const MOST_RESPONSE = 4096;

export function deviceTransport({
  path = "/dev/tpmrm0",
  timeoutMs = DEFAULT_TIMEOUT_MS,
}: DeviceOptions = {}): Transport {
  return {
    open: async () => {
      try {
        return new DeviceConnection(await open(path, "r+"), path, timeoutMs);
      } catch (cause) {
        const cure = "is there a TPM, and is this user in group tss?";
        const problem = `${path} cannot be opened (${messageOf(cause)}): ${cure}`;
        throw new TpmError("tpm-unreachable", problem, { cause });
      }
    },
  };
}

class DeviceConnection implements Connection {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #timeoutMs: number;
  #failure: TpmError | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle, path: string, timeoutMs: number) {
    this.#file = file;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async transmit(command: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (signal?.aborted) throw new TpmError("tpm-cancelled", "cancelled before it was sent");
    const answer = this.#exchange(command);
    this.#reading = answer.catch(() => {});
    return this.#within(answer, signal);
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    try {
      await this.#file.write(command, 0, command.length, null);
      const response = new Uint8Array(MOST_RESPONSE);
      const { bytesRead } = await this.#file.read(response, 0, response.length, null);
      return response.slice(0, bytesRead);
    } catch (cause) {
      const problem = `${this.#path}: ${messageOf(cause)}`;
      throw this.#fail(new TpmError("tpm-unreachable", problem, { cause }));
    }
  }

  #within(answer: Promise<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const problem = `${this.#path}: no answer within ${this.#timeoutMs} ms`;
        reject(this.#fail(new TpmError("tpm-timeout", problem)));
      }, this.#timeoutMs);
      const cancel = () => {
        const problem = "cancelled; the TPM finishes it, and this connection is given up";
        reject(this.#fail(new TpmError("tpm-cancelled", problem)));
      };
      signal?.addEventListener("abort", cancel, { once: true });
      answer.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
      });
    });
  }

  #fail(error: TpmError): TpmError {
    this.#failure ??= error;
    return error;
  }

  /** Closing waits for a read that is under way: its thread still uses the descriptor. */
  async close(): Promise<void> {
    if (this.#failure === undefined) await this.#reading;
    void this.#reading.then(() => this.#file.close()).catch(() => {});
  }
}
