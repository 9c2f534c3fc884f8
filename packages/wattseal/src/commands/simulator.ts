import type { Logger } from "@wattseal/base";
import { readLegacyModules, type Simulator, startSimulator } from "@wattseal/sim-hardware";
import { systemClock, systemWallClock } from "../ports/system.js";
import type { Layout } from "../state/layout.js";
import { readModules } from "../state/modules.js";
import type { Plan } from "./scenario.js";

/** The modules of a state folder under a plan, switched on and standing at their start time. */
export async function openSimulator(options: {
  readonly layout: Layout;
  readonly plan: Plan;
  readonly fd: boolean;
  readonly logger: Logger;
}): Promise<Simulator> {
  const { layout, plan, fd, logger } = options;
  return startSimulator({
    modules: await readModules(layout),
    legacyModules: await readLegacyModules(layout.sim.directory),
    drive: plan.drive,
    events: plan.events,
    ...(plan.seed === undefined ? {} : { seed: plan.seed }),
    entropy: plan.entropy,
    wall: systemWallClock,
    startTime: systemClock().now(),
    fd,
    shunt: true,
    stateDirectory: layout.sim.directory,
    logger,
  });
}
