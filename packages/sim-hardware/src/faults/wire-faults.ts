import type { Cancel } from "@wattseal/base";
import { frameBits } from "@wattseal/can-protocol";
import { moduleNodeName } from "../module/sim-module.js";
import type { SeededRandom } from "../pack/random.js";
import { modulesAt, type Slots, type Stage } from "./stage.js";

/** What befalls the wire and the controllers on it. */
export type WireFault =
  /** Bits arrive wrong, each with this probability: at the inputs of these modules, or on the wire itself. */
  | { readonly fault: "corrupt"; readonly bitErrorRate: number; readonly slots?: Slots }
  /** The cable breaks: these modules are on a wire of their own. */
  | { readonly fault: "cut"; readonly slots?: Slots }
  /** Unplugged: each of these modules is alone. */
  | { readonly fault: "lost"; readonly slots?: Slots }
  /** A short circuit between the wires' levels: dominant for all. */
  | { readonly fault: "stuck-dominant" }
  /** Every frame that these modules begin is destroyed, until their controllers leave the bus. */
  | { readonly fault: "bus-off"; readonly slots?: Slots };

/** Frame bits that no node samples as part of the frame. */
const INTERMISSION_BITS = 3;
/** In the data field of most frames, behind the arbitration of all. */
const DESTROYED_BIT = 60;

export function startWireFault(fault: WireFault, stage: Stage): Cancel {
  const { bus } = stage;
  switch (fault.fault) {
    case "corrupt":
      return corrupt(fault.bitErrorRate, fault.slots, stage);
    case "cut": {
      const names = namesOf(stage, fault.slots);
      return bus.cut((name) => names.has(name));
    }
    case "lost": {
      const mend = [...namesOf(stage, fault.slots)].map((name) =>
        bus.cut((other) => other === name),
      );
      return () => mend.forEach((cancel) => void cancel());
    }
    case "stuck-dominant":
      return bus.holdDominant();
    case "bus-off": {
      const names = namesOf(stage, fault.slots);
      return bus.disturb((_frame, from) => (names.has(from) ? { bit: DESTROYED_BIT } : undefined));
    }
  }
}

function namesOf(stage: Stage, slots: Slots): ReadonlySet<string> {
  return new Set(modulesAt(stage, slots).map(({ slot }) => moduleNodeName(slot)));
}

/** One source of errors on the wire, or one at each input; of several in one frame the first counts. */
function corrupt(rate: number, slots: Slots, stage: Stage): Cancel {
  const inputs = slots === undefined ? [undefined] : [...namesOf(stage, slots)];
  const sources = inputs.map((at) => ({ at, errors: new BitErrors(rate, stage.random) }));
  return stage.bus.disturb((frame) => {
    const { nominal, data } = frameBits(frame);
    let first: { readonly bit: number; readonly at?: string } | undefined;
    for (const { at, errors } of sources) {
      const bit = errors.within(nominal + data - INTERMISSION_BITS);
      if (bit === undefined || (first !== undefined && first.bit <= bit)) continue;
      first = at === undefined ? { bit } : { bit, at };
    }
    return first;
  });
}

/** Independent errors: the gaps between them are geometrically distributed. */
class BitErrors {
  readonly #rate: number;
  readonly #random: SeededRandom;
  #gap: number;

  constructor(rate: number, random: SeededRandom) {
    this.#rate = rate;
    this.#random = random;
    this.#gap = this.#draw();
  }

  /** The first wrong bit among the next `bits`. */
  within(bits: number): number | undefined {
    if (this.#gap >= bits) {
      this.#gap -= bits;
      return undefined;
    }
    const at = this.#gap;
    this.#gap = this.#draw();
    return at;
  }

  #draw(): number {
    if (this.#rate >= 1) return 0;
    return Math.floor(Math.log(1 - this.#random.next()) / Math.log(1 - this.#rate));
  }
}
