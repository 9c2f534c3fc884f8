import { StepFailed, say } from "./run.mjs";

/**
 * Runs a script's body; a failed step ends the process with its message and status.
 *
 * @param {() => Promise<void>} body
 */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    say(error.message);
    process.exitCode = error.exitStatus;
  }
}
