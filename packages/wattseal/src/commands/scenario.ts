import { readFile } from "node:fs/promises";
import { messageOf } from "@wattseal/base";
import { readRecording, type Scenario } from "@wattseal/sim-hardware";
import { CliError } from "../errors.js";

const PROBLEMS_SHOWN = 10;

/** The demonstration, or the recording in a file; its unusable lines are named on standard error. */
export async function scenarioOf(replay: string | undefined): Promise<Scenario> {
  if (replay === undefined) return { kind: "demo" };
  const bytes = await readFile(replay).catch((cause: unknown) => {
    throw new CliError("bad-replay", `${replay} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const recording = readRecording(bytes, replay);
  const { problems } = recording;
  for (const { line, problem } of problems.slice(0, PROBLEMS_SHOWN)) {
    process.stderr.write(`${replay}:${line}: ${problem}\n`);
  }
  const more = problems.length - PROBLEMS_SHOWN;
  if (more > 0) process.stderr.write(`${replay}: ${more} more lines like these\n`);
  return { kind: "replay", recording };
}
