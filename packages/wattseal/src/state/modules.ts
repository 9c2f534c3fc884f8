import { messageOf } from "@wattseal/base";
import { type ModuleFlash, readModuleFlashes } from "@wattseal/sim-hardware";
import { CliError } from "../errors.js";
import type { Layout } from "./layout.js";

/** The simulated modules of a state folder. */
export async function readModules(layout: Layout): Promise<readonly ModuleFlash[]> {
  return readModuleFlashes(layout.sim.directory).catch((cause: unknown) => {
    throw new CliError(
      "state-missing",
      `${layout.sim.directory} holds no modules (${messageOf(cause)}). Make them with: wattseal init --demo --state ${layout.root}`,
      { cause },
    );
  });
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
