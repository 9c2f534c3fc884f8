import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Entropy, type Millis, messageOf, millis } from "@wattseal/base";
import {
  checkExpectations,
  type Drive,
  type Expectations,
  FAULT_NAMES,
  FAULTS,
  type FaultEvent,
  type FaultName,
  isFaultName,
  notesOf,
  parseScenario,
  type Recording,
  readRecording,
  type Scenario,
  SimError,
  type Simulator,
  seededEntropy,
  unmetExpectations,
} from "@wattseal/sim-hardware";
import { InvalidArgumentError } from "commander";
import { CliError } from "../errors.js";
import { systemEntropy } from "../ports/system.js";

const PROBLEMS_SHOWN = 10;
/** When a fault that is given by its name alone begins, in simulated seconds, and whom it befalls. */
const FAULT_AT = 60;
const FAULT_SLOT = 1;

export interface PlanOptions {
  readonly replay?: string;
  readonly scenario?: string;
  readonly fault?: readonly FaultName[];
}

/** What a simulation is to do. */
export interface Plan {
  readonly drive: Drive;
  readonly events: readonly FaultEvent[];
  readonly seed: number | undefined;
  /** The modules' own. */
  readonly entropy: Entropy;
  /** Of a pack made for it. */
  readonly modules: number | undefined;
  /** Simulated, from the start. */
  readonly seconds: number | undefined;
  readonly expect: Expectations | undefined;
  /** Of a scenario. */
  readonly path: string | undefined;
}

/** The demonstration, a recording or a scenario file, with the faults asked for by name. Relative paths start at `folder`. */
export async function planOf(options: PlanOptions, folder: string): Promise<Plan> {
  const { replay, scenario } = options;
  if (replay !== undefined && scenario !== undefined) {
    throw new CliError("usage", "Give --replay or --scenario; a scenario names its own recording.");
  }
  const named = (options.fault ?? []).map((name) => namedFault(name));
  if (scenario !== undefined) return scenarioPlan(resolve(folder, scenario), named);
  const drive: Drive =
    replay === undefined ? { kind: "demo" } : await recordingIn(resolve(folder, replay));
  return {
    drive,
    events: named,
    seed: undefined,
    entropy: systemEntropy,
    modules: undefined,
    seconds: undefined,
    expect: undefined,
    path: undefined,
  };
}

/** Whether something is to happen at times of its own, which somebody should be there to see. */
export function isScripted({ replay, scenario, fault }: PlanOptions): boolean {
  return replay !== undefined || scenario !== undefined || fault !== undefined;
}

/** Throws CliError `bad-scenario` where a pack of so many modules cannot be what the plan expects at its end. */
export function checkPlan({ expect, path }: Plan, modules: number): void {
  try {
    checkExpectations(expect, modules, `${path}.expect`);
  } catch (cause) {
    throw new CliError("bad-scenario", messageOf(cause), { cause });
  }
}

/** At the end of a run, before anything settles: what is not as expected, and what is only to be told. */
export function reviewOf(
  plan: Plan,
  { kernel, modules, eventsAhead }: Pick<Simulator, "kernel" | "modules" | "eventsAhead">,
  startedAt: Millis,
): { readonly unmet: readonly string[]; readonly notes: readonly string[] } {
  const seconds = Math.round((kernel.now() - startedAt) / 100) / 10;
  const when = `at the run's end, after ${seconds} simulated seconds`;
  const never = eventsAhead.map(({ at, fault }) => `${fault.fault} at ${at} s`);
  return {
    unmet: unmetExpectations(plan.expect, modules).map((problem) => `${when}: ${problem}`),
    notes: never.length === 0 ? [] : [`${when}: never happened: ${never.join(", ")}`],
  };
}

/** Where a run of it ends by itself, for Simulator.run. */
export function endOf({ seconds }: Plan, { kernel }: Simulator): { readonly until?: Millis } {
  return seconds === undefined ? {} : { until: millis(kernel.now() + Math.ceil(seconds * 1000)) };
}

/** For the command line: collects names, refusing unknown ones. */
export function parseFaultName(
  name: string,
  before: readonly FaultName[] = [],
): readonly FaultName[] {
  if (!isFaultName(name)) {
    throw new InvalidArgumentError(`There are ${FAULT_NAMES.join(", ")}.`);
  }
  return [...before, name];
}

/** What `--fault` knows, a line each. */
export function faultHelp(): string {
  const width = Math.max(...FAULT_NAMES.map(({ length }) => length));
  const lines = FAULT_NAMES.map((name) => {
    const { description, seconds } = FAULTS[name];
    return `  ${name.padEnd(width)}  ${description} (${seconds} s)`;
  });
  return `\nFaults, ${FAULT_AT} simulated seconds after the start, to module ${FAULT_SLOT} where there is one to choose:\n${lines.join("\n")}\n`;
}

function namedFault(name: FaultName): FaultEvent {
  const { example, seconds } = FAULTS[name];
  return { at: FAULT_AT, seconds, fault: example(FAULT_SLOT) };
}

async function scenarioPlan(path: string, named: readonly FaultEvent[]): Promise<Plan> {
  const scenario = await readScenario(path);
  const { seed, entropy, modules, seconds, expect } = scenario;
  return {
    drive: await driveOf(scenario, dirname(path)),
    events: [...scenario.events, ...named],
    seed,
    entropy: entropy === "seeded" ? seededEntropy(seed) : systemEntropy,
    modules,
    seconds,
    expect,
    path,
  };
}

async function readScenario(path: string): Promise<Scenario> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CliError("bad-scenario", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
  try {
    return parseScenario(bytes, path);
  } catch (cause) {
    if (!(cause instanceof SimError)) throw cause;
    throw new CliError("bad-scenario", cause.message, { cause });
  }
}

async function driveOf({ drive }: Scenario, folder: string): Promise<Drive> {
  return drive.kind === "replay" ? recordingIn(resolve(folder, drive.file)) : drive;
}

/** How it is read, and its unusable lines, are told on standard error. */
async function recordingIn(path: string): Promise<Drive> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CliError("bad-replay", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const recording = parseRecording(bytes, path);
  const { problems, problemCount } = recording;
  for (const note of notesOf(recording)) process.stderr.write(`${path}: ${note}\n`);
  for (const { line, problem } of problems.slice(0, PROBLEMS_SHOWN)) {
    process.stderr.write(`${path}:${line}: ${problem}\n`);
  }
  const more = problemCount - PROBLEMS_SHOWN;
  if (more > 0) process.stderr.write(`${path}: ${more} more lines like these\n`);
  return { kind: "replay", recording };
}

function parseRecording(bytes: Uint8Array, path: string): Recording {
  try {
    return readRecording(bytes, path);
  } catch (cause) {
    if (!(cause instanceof SimError)) throw cause;
    throw new CliError("bad-replay", cause.message, { cause });
  }
}
