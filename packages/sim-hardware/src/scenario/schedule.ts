import type { Cancel, Logger } from "@wattseal/base";
import { SimError } from "../errors.js";
import { checkFault, startFault } from "../faults/fault.js";
import type { Stage } from "../faults/stage.js";
import type { FaultEvent } from "./scenario.js";

const MICROS = 1_000_000;

export interface Schedule {
  /** Events whose time has not come. */
  readonly ahead: readonly FaultEvent[];
  /** Ends all of them: what has begun, and what has not. */
  end(): void;
}

/** Begins and ends faults at their times, counted from now. Throws as checkFault, at once, with the event's place. */
export function scheduleFaults(
  events: readonly FaultEvent[],
  stage: Stage,
  logger: Logger,
): Schedule {
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
  for (const event of events) checkEvent(event, stage);
  const ahead = new Set(events);
  for (const event of events) {
    const cancel = kernel.atMicros(start + Math.round(event.at * MICROS), () => {
      active.delete(cancel);
      ahead.delete(event);
      begin(event);
    });
    active.add(cancel);
  }
  return {
    get ahead() {
      return [...ahead];
    },
    end() {
      for (const cancel of active) cancel();
      active.clear();
    },
  };
}

function checkEvent({ fault, place }: FaultEvent, stage: Stage): void {
  try {
    checkFault(fault, stage);
  } catch (cause) {
    if (place === undefined || !(cause instanceof SimError)) throw cause;
    throw new SimError(cause.code, cause.kind, `${place}: ${cause.message}`, { cause });
  }
}
