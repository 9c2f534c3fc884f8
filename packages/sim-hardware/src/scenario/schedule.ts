import type { Cancel, Logger } from "@wattseal/base";
import { checkFault, startFault } from "../faults/fault.js";
import type { Stage } from "../faults/stage.js";
import type { FaultEvent } from "./scenario.js";

const MICROS = 1_000_000;

/** Begins and ends faults at their times, counted from now. The returned function ends all of them. Throws as checkFault, at once. */
export function scheduleFaults(
  events: readonly FaultEvent[],
  stage: Stage,
  logger: Logger,
): Cancel {
  const { kernel } = stage;
  const start = kernel.nowMicros();
  const active = new Set<Cancel>();
  const begin = ({ fault, seconds }: FaultEvent) => {
    const end = startFault(fault, stage);
    logger.warn("sim.fault.begun", { fault: fault.fault });
    const finish = () => {
      if (!active.delete(finish)) return;
      cancelEnd();
      end();
      logger.warn("sim.fault.ended", { fault: fault.fault });
    };
    active.add(finish);
    const cancelEnd =
      seconds === undefined
        ? () => {}
        : kernel.atMicros(kernel.nowMicros() + Math.round(seconds * MICROS), finish);
  };
  for (const { fault } of events) checkFault(fault, stage);
  for (const event of events) {
    const cancel = kernel.atMicros(start + Math.round(event.at * MICROS), () => {
      active.delete(cancel);
      begin(event);
    });
    active.add(cancel);
  }
  return () => {
    for (const cancel of active) cancel();
    active.clear();
  };
}
