import { messageOf, WattsealError } from "@wattseal/base";
import { CommanderError } from "commander";
import { errorLine } from "./error-line.js";
import { EXIT } from "./errors.js";
import { program } from "./program.js";

/** Who has to act decides the exit status. */
function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof WattsealError)) return EXIT.unavailable;
  return error.kind === "usage" ? EXIT.usage : EXIT.unavailable;
}

// Whoever reads our output may stop reading, as `head` does: then there is nobody left to tell.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  process.stderr.write(`wattseal: standard output: ${messageOf(error)}\n`);
  process.exit(EXIT.unavailable);
});

try {
  await program((status) => {
    process.exitCode = status;
  }).parseAsync();
} catch (error) {
  // Commander has printed its own message, help or version by now.
  if (!(error instanceof CommanderError)) process.stderr.write(errorLine(error));
  // What a failed start has left open must not keep the process.
  process.exit(statusOf(error));
}
