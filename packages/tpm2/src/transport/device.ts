/**
 * The kernel's TPM through its resource manager, /dev/tpmrm0. Reading and writing wait in libuv's threads, so that a TPM
 * that takes its time does not hold up the event loop; each transaction that waits takes one of them (four by default).
 */
import { open } from "node:fs/promises";
import { messageOf } from "@wattseal/base";
import { TpmError } from "../wire/errors.js";
import type { Connection, Transport } from "./transport.js";

/** An open TPM device: one write is one command, the read after it is its whole response. */
export interface DeviceFile {
  write(command: Uint8Array): Promise<void>;
  /** At most `most` bytes. */
  read(most: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface DeviceOptions {
  /** Default /dev/tpmrm0. Without its resource manager (/dev/tpm0) only one process can use the TPM. */
  readonly path?: string;
  /** A command that takes longer has failed, ms. The kernel gives up after two to five minutes itself. */
  readonly timeoutMs?: number;
  /** Opens the device; the file system's own by default. */
  readonly openFile?: (path: string) => Promise<DeviceFile>;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const MOST_RESPONSE = 4096;

async function openDevice(path: string): Promise<DeviceFile> {
  const file = await open(path, "r+");
  return {
    write: async (command) => {
      await file.write(command, 0, command.length, null);
    },
    read: async (most) => {
      const response = new Uint8Array(most);
      const { bytesRead } = await file.read(response, 0, most, null);
      return response.slice(0, bytesRead);
    },
    close: () => file.close(),
  };
}

export function deviceTransport({
  path = "/dev/tpmrm0",
  timeoutMs = DEFAULT_TIMEOUT_MS,
  openFile = openDevice,
}: DeviceOptions = {}): Transport {
  return {
    open: async () => {
      try {
        return new DeviceConnection(await openFile(path), path, timeoutMs);
      } catch (cause) {
        const cure = "is there a TPM, and is this user in group tss?";
        const problem = `${path} cannot be opened (${messageOf(cause)}): ${cure}`;
        throw new TpmError("tpm-unreachable", problem, { cause });
      }
    },
  };
}

class DeviceConnection implements Connection {
  readonly #file: DeviceFile;
  readonly #path: string;
  readonly #timeoutMs: number;
  #failure: TpmError | undefined;
  #underWay: Promise<unknown> | undefined;

  constructor(file: DeviceFile, path: string, timeoutMs: number) {
    this.#file = file;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#underWay !== undefined) {
      throw new TpmError("tpm-usage", "a command is under way on this connection");
    }
    const answer = this.#exchange(command).finally(() => {
      this.#underWay = undefined;
    });
    this.#underWay = answer.catch(() => {});
    return this.#inTime(answer);
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    try {
      await this.#file.write(command);
      const response = await this.#file.read(MOST_RESPONSE);
      if (response.length === 0) throw new Error("the device ended");
      return response;
    } catch (cause) {
      const problem = `${this.#path}: ${messageOf(cause)}`;
      throw this.#fail(new TpmError("tpm-unreachable", problem, { cause }));
    }
  }

  #inTime(answer: Promise<Uint8Array>): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const problem = `${this.#path}: no answer within ${this.#timeoutMs} ms`;
        reject(this.#fail(new TpmError("tpm-timeout", problem)));
      }, this.#timeoutMs);
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #fail(error: TpmError): TpmError {
    this.#failure ??= error;
    return error;
  }

  /** A thread that still waits for the TPM uses the descriptor: then it is closed when the TPM has answered. */
  async close(): Promise<void> {
    const close = () => this.#file.close().catch(() => {});
    if (this.#underWay === undefined) await close();
    else void this.#underWay.then(close);
  }
}
