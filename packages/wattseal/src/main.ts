import { messageOf, WattsealError } from "@wattseal/base";
import { CommanderError } from "commander";
import { EXIT } from "./errors.js";
import { program } from "./program.js";

/** Who has to act decides the exit status. */
function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof WattsealError)) return EXIT.unavailable;
  return error.kind === "usage" ? EXIT.usage : EXIT.unavailable;
}

try {
  await program((status) => {
    process.exitCode = status;
  }).parseAsync();
} catch (error) {
  // Commander has printed its own message, help or version by now.
  if (!(error instanceof CommanderError)) process.stderr.write(`wattseal: ${messageOf(error)}\n`);
  process.exitCode = statusOf(error);
}
