import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

/** A step that did not work; its message is all that the user needs to see. */
export class StepFailed extends Error {
  /**
   * @param {string} message
   * @param {number} [exitStatus]
   */
  constructor(message, exitStatus = 1) {
    super(message);
    this.exitStatus = exitStatus;
  }
}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @type {readonly NodeJS.Signals[]} */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program to its end and resolves with its exit status (128 + n after signal n). Signals to this
 * process go to the program, so that neither outlives the other; the step then counts as interrupted.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ output?: "stderr" | "inherit", cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>}
 */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", options.output === "stderr" ? 2 : "inherit", "inherit"],
  });
  /** @type {NodeJS.Signals | undefined} */
  let interruptedBy;
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    interruptedBy = signal;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    const [code, signal] = await once(child, "exit");
    if (interruptedBy !== undefined) {
      throw new StepFailed(`interrupted by ${interruptedBy}`, signalStatus(interruptedBy));
    }
    return code ?? signalStatus(signal);
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

/** @param {NodeJS.Signals} signal */
function signalStatus(signal) {
  return 128 + constants.signals[signal];
}
