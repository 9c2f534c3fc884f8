import type { Cancel } from "@wattseal/base";
import { type CanFrame, classOf, isSecured, isToModule, slotOf } from "@wattseal/can-protocol";
import { moduleNodeName } from "../module/sim-module.js";
import { Attacker } from "./attacker.js";
import { modulesAt, type Slots, type Stage } from "./stage.js";

/**
 * Somebody has cut the cable and sits in between: what the pack orders reaches these modules `delayMs` late, bit for
 * bit and in order, while everything else passes at once.
 */
export interface Jam {
  readonly fault: "jam";
  readonly delayMs: number;
  readonly slots?: Slots;
}

/** One mailbox: of several frames the lowest identifier would leave first, which is not the first of a PDU. */
const IN_ORDER = 1;

/** Each side acknowledges for the other, so that neither end's controller notices. */
export function startJam({ delayMs, slots }: Jam, stage: Stage): Cancel {
  const modules = modulesAt(stage, slots);
  const beyond = new Set(modules.map(({ slot }) => moduleNodeName(slot)));
  const near = new Attacker(stage, "attacker-jam", IN_ORDER);
  const farName = freeName(stage, "attacker-jam-beyond");
  const mend = stage.bus.cut((name) => name === farName || beyond.has(name));
  const far = new Attacker(stage, farName, IN_ORDER);
  const isTheirs = ({ id }: CanFrame): boolean =>
    isSecured(id) && modules.some(({ slot }) => slot === slotOf(id));
  near.hear((frame) => {
    if (!isTheirs(frame) || !isToModule(frame.id)) return;
    if (isOrder(frame)) far.after(delayMs, () => far.send([frame]));
    else far.send([frame]);
  });
  far.hear((frame) => {
    if (isTheirs(frame) && !isToModule(frame.id)) near.send([frame]);
  });
  return () => {
    near.leave();
    far.leave();
    mend();
  };
}

const isOrder = ({ id }: CanFrame): boolean => classOf(id) === "urgent" || classOf(id) === "normal";

/** Of several at once, each has an end of its own beyond its cut. */
function freeName({ bus }: Stage, name: string): string {
  const taken = new Set(bus.controllers.map((controller) => controller.name));
  let count = 1;
  while (taken.has(`${name}-${count}`)) count += 1;
  return `${name}-${count}`;
}
