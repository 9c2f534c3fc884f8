import type { Cancel } from "@wattseal/base";
import { SimError } from "../errors.js";
import type { SimShunt } from "../pack/shunt.js";
import type { Stage } from "./stage.js";

/** What the pack's shunt does wrong. */
export interface ShuntFault {
  readonly fault: "shunt";
  /** Shows so many times the current that flows. */
  readonly gain?: number;
  /** Shows so much more; positive is charging. */
  readonly offsetAmps?: number;
  /** Is not heard. */
  readonly silent?: true;
}

/** Throws SimError `configuration` where the pack has none. */
export function shuntOf({ shunt }: Stage): SimShunt {
  if (shunt !== undefined) return shunt;
  throw new SimError("configuration", "usage", "shunt: this pack has none");
}

export function startShuntFault({ gain = 1, offsetAmps = 0, silent }: ShuntFault, stage: Stage) {
  const shunt = shuntOf(stage);
  const ends: readonly Cancel[] = [
    shunt.misread({ gain, offsetAmps }),
    ...(silent === true ? [shunt.silence()] : []),
  ];
  return () => ends.forEach((end) => void end());
}
