import { execFile } from "node:child_process";
import { close, constants, openSync, writeSync } from "node:fs";
import { isatty, ReadStream } from "node:tty";
import { messageOf } from "@wattseal/base";
import type { BytePort, BytePortListener } from "@wattseal/sim-hardware";
import { CliError } from "../errors.js";

/** For adapters on a real UART; those on USB take any. */
const LINE = ["115200", "raw", "-echo", "cs8", "-parenb", "-cstopb", "-crtscts", "clocal"];

/**
 * A serial device as bytes, by `stty` of coreutils and the kernel's own terminal driver. Linux only.
 *
 * Throws CliError: `usage` for another system, a missing stty, or what is no serial device; `unreachable` for a device
 * that cannot be opened.
 */
export async function openSerial(path: string): Promise<BytePort> {
  if (process.platform !== "linux") {
    throw new CliError("usage", "--port works on Linux alone: elsewhere, use --bus");
  }
  const fd = opened(path);
  try {
    if (!isatty(fd)) throw new CliError("usage", `${path} is no serial device`);
    // Held open from here on: a driver may forget its settings when the last one closes.
    await stty(["-F", path, ...LINE]);
    return new SerialPort(fd);
  } catch (cause) {
    close(fd);
    if (cause instanceof CliError) throw cause;
    throw new CliError("usage", sttyProblem(path, cause), { cause });
  }
}

function opened(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch (cause) {
    const hint = "Is the adapter plugged in, and are you in its group (often dialout)?";
    throw new CliError("unreachable", `${messageOf(cause)}. ${hint}`, { cause });
  }
}

function stty(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("stty", args, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function sttyProblem(path: string, cause: unknown): string {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
    return "stty is missing: --port needs it to set the line (Debian: coreutils)";
  }
  return `${path} cannot be set up: ${messageOf(cause)}`;
}

class SerialPort implements BytePort {
  readonly #fd: number;
  readonly #input: ReadStream;
  #listener: BytePortListener | undefined;
  #over = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#input = new ReadStream(fd);
    this.#input.on("data", (chunk: Uint8Array) => this.#listener?.data(chunk));
    this.#input.on("error", (error) => this.#end(messageOf(error)));
    this.#input.on("close", () => this.#end("the device is gone"));
  }

  listen(listener: BytePortListener): void {
    this.#listener = listener;
  }

  /** Never blocks: one frame fits the kernel's buffer, unless the adapter has stopped reading. */
  write(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      const written = writeSync(this.#fd, bytes);
      if (written < bytes.length) this.#end("the adapter takes no more");
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  close(): void {
    this.#listener = undefined;
    this.#end("closed here");
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#input.destroy();
    close(this.#fd); // the stream has opened the device once more, for itself
    this.#listener?.end(reason);
  }
}
