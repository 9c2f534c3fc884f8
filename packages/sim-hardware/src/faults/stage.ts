import type { VirtualBus } from "../bus/virtual-bus.js";
import type { SimModule } from "../module/sim-module.js";
import type { SeededRandom } from "../pack/random.js";
import type { SimShunt } from "../pack/shunt.js";
import type { SimKernel } from "../time/kernel.js";
import type { SimTimeSource } from "../time/time-source.js";

/** What faults act on. */
export interface Stage {
  readonly kernel: SimKernel;
  readonly bus: VirtualBus;
  readonly modules: readonly SimModule[];
  readonly random: SeededRandom;
  /** The pack controller's UTC. */
  readonly timeSource: SimTimeSource;
  /** Undefined in a pack without one. */
  readonly shunt: SimShunt | undefined;
}

/** The slots of modules; without them, every module. */
export type Slots = readonly number[] | undefined;

export function modulesAt({ modules }: Stage, slots: Slots): readonly SimModule[] {
  return slots === undefined ? modules : modules.filter(({ slot }) => slots.includes(slot));
}
