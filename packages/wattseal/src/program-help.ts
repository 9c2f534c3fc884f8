import { type Command, Option } from "commander";

/** Takes the exit status of the command that ran. */
export type Report = (status: number) => void;

/** An example for the end of a command's help; `text` is what follows the program's name. */
export const example = (text: string) => `\nExample:\n  $ wattseal ${text}\n`;

/** A command for a running gateway. */
export function controls(command: Command): Command {
  return command
    .addOption(new Option("--state <dir>", "state folder of the gateway").conflicts("socket"))
    .option("--socket <path>", "instead: its control socket")
    .option("--json", "print one JSON object", false);
}
