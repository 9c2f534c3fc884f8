import { SimError } from "../errors.js";
import type { ModuleView } from "../module/sim-module.js";
import type { Expectations } from "./scenario.js";

/** Throws SimError `scenario` for what so many modules can never fulfil. `place` goes before what is wrong. */
export function checkExpectations(
  expect: Expectations | undefined,
  modules: number,
  place: string,
): void {
  for (const name of ["linked", "on"] as const) {
    const wanted = expect?.[name];
    if (wanted === undefined || wanted <= modules) continue;
    const problem = `${place}.${name}: ${wanted} of ${modules} modules`;
    throw new SimError("scenario", "input", problem);
  }
}

/** What of it does not hold, in words; nothing when all of it does. */
export function unmetExpectations(
  expect: Expectations | undefined,
  modules: readonly ModuleView[],
): readonly string[] {
  if (expect === undefined) return [];
  const linked = modules.filter((module) => module.linked).length;
  const on = modules.filter(({ state }) => state === "on").length;
  const alarms = modules.reduce((sum, module) => sum + module.alarms, 0);
  return [
    exactly("modules linked", expect.linked, linked),
    exactly("modules on", expect.on, on),
    atLeast("alarms of modules", expect.moduleAlarms, alarms),
  ].filter((problem) => problem !== undefined);
}

function exactly(what: string, wanted: number | undefined, found: number): string | undefined {
  return wanted === undefined || wanted === found ? undefined : `${what}: ${found}, not ${wanted}`;
}

function atLeast(what: string, wanted: number | undefined, found: number): string | undefined {
  return wanted === undefined || found >= wanted ? undefined : `${what}: ${found}, under ${wanted}`;
}
