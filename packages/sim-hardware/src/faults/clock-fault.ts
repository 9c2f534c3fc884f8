import type { Cancel } from "@wattseal/base";
import type { Stage } from "./stage.js";

/** What befalls the pack controller's UTC; time itself runs on. */
export interface ClockFault {
  readonly fault: "clock";
  /** It is set by so much, negative: back; at the fault's end it is put right again. */
  readonly stepSeconds?: number;
  /** Nobody vouches for it meanwhile. */
  readonly unsynchronised?: true;
}

export function startClockFault(
  { stepSeconds = 0, unsynchronised }: ClockFault,
  { timeSource }: Stage,
): Cancel {
  const found = unsynchronised === true ? timeSource.lose() : () => {};
  const ms = Math.round(1000 * stepSeconds);
  if (ms !== 0) timeSource.step(ms);
  return () => {
    if (ms !== 0) timeSource.step(-ms);
    found();
  };
}
