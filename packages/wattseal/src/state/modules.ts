import { messageOf } from "@wattseal/base";
import { lockFolder, type ModuleFlash, readModuleFlashes } from "@wattseal/sim-hardware";
import { CliError } from "../errors.js";
import { exists } from "./files.js";
import type { Layout } from "./layout.js";

/** The simulated modules of a state folder. */
export async function readModules(layout: Layout): Promise<readonly ModuleFlash[]> {
  return readModuleFlashes(layout.sim.directory).catch((cause: unknown) => {
    throw missing(layout, messageOf(cause), cause);
  });
}

/** Keeps other simulators off them until called back. Throws SimError `state-folder` when there is one. */
export async function holdModules(layout: Layout): Promise<() => Promise<void>> {
  if (await exists(layout.sim.directory)) return lockFolder(layout.sim.directory);
  throw missing(layout, "no such folder");
}

function missing(layout: Layout, problem: string, cause?: unknown): CliError {
  return new CliError(
    "state-missing",
    `${layout.sim.directory} holds no modules (${problem}). Only a demonstration's pack has any: wattseal init --demo, with a --state of its own`,
    { cause },
  );
}

const MOST_MODULES = 31;

/** Throws CliError `usage` for more modules than a bus has ids. */
export function checkModuleCount(modules: number, legacy: number): void {
  if (modules + legacy <= MOST_MODULES) return;
  throw new CliError(
    "usage",
    `${modules} modules and ${legacy} clear-text ones are too many: a bus has ${MOST_MODULES} ids.`,
  );
}
