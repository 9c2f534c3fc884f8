/** A pseudo terminal of this machine's kernel, and the far end of its line: by socat. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { BytePort, BytePortListener } from "@wattseal/sim-hardware";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./program.js";

const SOCAT = "socat";
export const hasSocat = () => spawnSync(SOCAT, ["-V"]).status === 0;

export interface SerialLine {
  /** What a program opens. */
  readonly device: string;
  /** The adapter's end. */
  readonly far: BytePort;
  /** Resolves when the program next sends what matches. */
  heard(pattern: RegExp): Promise<void>;
  /** As when the adapter is pulled out. */
  pull(): void;
}

export async function serialLine(): Promise<SerialLine> {
  const folder = await temporaryFolder();
  const device = `${folder}/ttyACM0`;
  const path = `${folder}/far.sock`;
  const socat = spawn(SOCAT, [`PTY,link=${device}`, `UNIX-LISTEN:${path}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const pull = () => {
    socat.kill();
  };
  onTestFinished(pull);
  while (!(existsSync(device) && existsSync(path))) await sleep(50);
  const socket = connect(path);
  const heard = (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      const look = (chunk: Buffer) => {
        if (!pattern.test(chunk.toString("latin1"))) return;
        socket.off("data", look);
        resolve();
      };
      socket.on("data", look);
    });
  return { device, far: new SocketPort(socket), heard, pull };
}

class SocketPort implements BytePort {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  listen(listener: BytePortListener): void {
    this.#socket.on("data", (chunk) => listener.data(chunk));
    this.#socket.on("error", (error) => listener.end(error.message));
    this.#socket.on("close", () => listener.end("closed"));
  }

  close(): void {
    this.#socket.destroy();
  }
}
