// A program that runs until it is stopped, and not a moment longer than the process that started it.
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** Below what Linux gives to outgoing connections (ip_local_port_range): a port is still free when its broker comes back. */
const PORTS = { from: 10_240, to: 32_000 };
const LOCAL = "127.0.0.1";
/** Where Debian keeps daemons; an ordinary user's PATH leaves these out. */
export const SEARCH_PATH = [
  process.env["PATH"] ?? "",
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
].join(delimiter);

export class Daemon {
  /** @type {import("node:child_process").ChildProcess} */ #child;
  /** @type {import("node:child_process").ChildProcess} */ #watch;
  /** Resolves when it has ended, however. @type {Promise<void>} */ ended;
  #logFile;
  #logStart;

  /**
   * @param {string} program
   * @param {readonly string[]} args
   * @param {string} logFile takes what it writes
   * @param {{ readonly env?: Readonly<Record<string, string>> }} [options]
   */
  constructor(program, args, logFile, { env = {} } = {}) {
    const log = openSync(logFile, "a", 0o600);
    this.#logStart = fstatSync(log).size;
    this.#logFile = logFile;
    this.#child = spawn(program, args, {
      stdio: ["ignore", log, log],
      env: { ...process.env, PATH: SEARCH_PATH, ...env },
      detached: true, // a terminal's Ctrl-C is for us: what is stopped has an order
    });
    closeSync(log);
    this.#child.on("error", () => {}); // seen as its end
    // The pipe closes with this process, however it ends.
    this.#watch = spawn("/bin/sh", ["-c", `read _; kill -9 ${this.#child.pid ?? "$$"}`], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.ended = new Promise((resolve) => {
      const ended = () => {
        this.#watch.kill("SIGKILL");
        resolve();
      };
      this.#child.once("exit", ended).once("error", ended);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get hasEnded() {
    const { exitCode, signalCode, pid } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  /** Null while it runs, and where a signal ended it. */
  get status() {
    return this.#child.exitCode;
  }

  /** What it wrote. */
  get log() {
    return readFileSync(this.#logFile).subarray(this.#logStart).toString();
  }

  /** @param {NodeJS.Signals} signal */
  async end(signal) {
    if (this.hasEnded) return;
    this.#child.kill(signal);
    await this.ended;
  }

  /** Resolves when `isUp` says so; throws when the program ends before. @param {() => Promise<boolean>} isUp */
  async until(isUp) {
    while (!(await isUp())) {
      if (this.hasEnded) throw new Error(`${this.#child.spawnargs.join(" ")} ended:\n${this.log}`);
      await pause(20);
    }
  }
}

/** @param {number} port */
export function answers(port) {
  return new Promise((/** @type {(up: boolean) => void} */ resolve) => {
    const socket = connect(port, LOCAL);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Nothing listens there yet, so nothing but this keeps them apart. @type {Set<number>} */
const given = new Set();

/** A loopback port that nothing listens at, each once. @returns {Promise<number>} */
export async function freePort() {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

/** @param {number} port */
function isFree(port) {
  return new Promise((/** @type {(free: boolean) => void} */ resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, LOCAL, () => {
      server.close(() => resolve(true));
    });
  });
}
