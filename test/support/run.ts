/** A scenario run to its end at the machine's own speed, and the entries that it left. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { wattseal } from "./program.js";

/** Options of `start` that end the demonstration after so many simulated seconds, of which a busy machine makes few in one. */
export async function lasting(seconds: number, folder: string): Promise<readonly string[]> {
  const path = join(folder, `${seconds}-seconds.json`);
  const scenario = { name: "demo", description: "The demonstration.", seconds };
  await writeFile(path, JSON.stringify(scenario));
  return ["--scenario", path];
}

export interface Listed {
  readonly index: number;
  readonly type: string;
  readonly timeMs: number;
  readonly body: Record<string, unknown>;
}

export interface ScenarioRun {
  /** What `start --json` printed. */
  readonly summary: Record<string, unknown>;
  /** What it told people. */
  readonly told: string;
  readonly entries: readonly Listed[];
}

export async function runScenario(scenario: string, state: string): Promise<ScenarioRun> {
  const how = ["--tpm", "none", "--scenario", scenario, "--speed", "max", "--json"];
  const run = await wattseal(["start", ...how, "--state", state]);
  expect(run.status, run.stderr).toBe(0);
  const list = await wattseal(["ledger", "list", `${state}/gateway/log`, "--json"]);
  const entries = list.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { summary: JSON.parse(run.stdout), told: run.stderr, entries };
}
