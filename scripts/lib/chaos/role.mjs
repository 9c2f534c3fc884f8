// A role of the program as a process that may be killed, and is started again where it gives up by itself.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Daemon } from "../deploy/daemon.mjs";
import { PROGRAM } from "../deploy/state.mjs";

const AGAIN_MS = 200;

/**
 * @typedef {object} RoleOptions
 * @property {string} name
 * @property {string} state folder
 * @property {readonly string[]} args of the program
 * @property {Readonly<Record<string, string>>} [env]
 * @property {string} running what its log says when it is up
 * @property {boolean} [needs] it may give up at its start, while what it needs is away: a supervisor would start it again
 */

export class Role {
  name;
  /** Why it ended by itself, where it must not. @type {string | undefined} */ problem;
  #options;
  #logFile;
  /** @type {Daemon | undefined} */ #daemon;

  /** @param {RoleOptions} options */
  constructor(options) {
    this.name = options.name;
    this.#options = options;
    this.#logFile = join(options.state, `${options.name}.log`);
  }

  /** Everything that all of its lives wrote. */
  get log() {
    return readFileSync(this.#logFile, "utf8");
  }

  /** Starts it; what it is to become is not waited for. */
  async up() {
    const { args, state, env = {} } = this.#options;
    const command = [PROGRAM, ...args, "--state", state, "--log-level", "debug"];
    const daemon = new Daemon(process.execPath, command, this.#logFile, { env });
    this.#daemon = daemon;
    void daemon.ended.then(() => this.#ended(daemon));
  }

  async running() {
    const { running } = this.#options;
    await this.#daemon?.until(async () => this.#daemon?.log.includes(`"${running}"`) ?? false);
  }

  async kill() {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.end("SIGKILL");
  }

  /** @returns {Promise<number | null>} exit status */
  async stop() {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.end("SIGTERM");
    return daemon?.status ?? null;
  }

  /** @param {Daemon} daemon */
  async #ended(daemon) {
    if (this.#daemon !== daemon) return;
    const { log } = daemon;
    const { running, needs = false } = this.#options;
    if (!needs || log.includes(`"${running}"`)) {
      this.problem ??= `${this.name} ended by itself:\n${log.slice(-2000)}`;
      return;
    }
    await pause(AGAIN_MS);
    if (this.#daemon === daemon) await this.up();
  }
}
