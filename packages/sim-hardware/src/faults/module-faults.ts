import type { Cancel } from "@wattseal/base";
import type { SimModule } from "../module/sim-module.js";
import { modulesAt, type Slots, type Stage } from "./stage.js";

/** What befalls modules, or what they do wrong. */
export type ModuleFault =
  /** No supply: session and RAM are lost, counters go back to the last EEPROM write, the boot counter moves on. */
  | { readonly fault: "brown-out"; readonly slots?: Slots }
  /** The firmware hangs, its relay as it is; the bus controller still acknowledges everything. */
  | { readonly fault: "mute"; readonly slots?: Slots }
  /** Says what is not so: counts `gain` times the energy, or shows a state of charge that no longer moves. */
  | {
      readonly fault: "liar";
      readonly slots?: Slots;
      readonly gain?: number;
      readonly soc?: "frozen";
    }
  /** Its oscillator, and so its tick, runs fast by `ppm` parts per million; slow, when negative. */
  | { readonly fault: "drift"; readonly slots?: Slots; readonly ppm: number };

export function startModuleFault(fault: ModuleFault, stage: Stage): Cancel {
  const cancels = modulesAt(stage, fault.slots).map((module) => begin(fault, module));
  return () => cancels.forEach((cancel) => void cancel());
}

function begin(fault: ModuleFault, module: SimModule): Cancel {
  switch (fault.fault) {
    case "brown-out":
      return module.brownOut();
    case "mute":
      return module.hang();
    case "liar": {
      const honest = [
        ...(fault.gain === undefined ? [] : [module.miscount(fault.gain)]),
        ...(fault.soc === undefined ? [] : [module.freezeSoc()]),
      ];
      return () => honest.forEach((cancel) => void cancel());
    }
    case "drift":
      module.clock.drift(fault.ppm);
      return () => module.clock.drift(0);
  }
}
