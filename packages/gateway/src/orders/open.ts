import type { Clock, LctId, Logger, TimeSource } from "@wattseal/base";
import { GatewayError } from "../errors.js";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";
import type { LogClock } from "../time/log-clock.js";
import type { OrderRefusal } from "./acceptance.js";
import { OrderDesk } from "./desk.js";
import type { Ordered } from "./execute.js";
import { OrderMemory } from "./memory.js";

export interface OpenDeskOptions {
  readonly pack: LctId;
  readonly keys: readonly Uint8Array[];
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly ordered: Ordered;
  readonly clock: LogClock;
  readonly timeSource: TimeSource;
  readonly steady: Clock;
  readonly logger: Logger;
  readonly onRefused: (reason: OrderRefusal) => void;
}

/** Beside the log: what the memory saves. */
export const ORDERS_DOCUMENT = "orders";

/** The desk of a log that has been opened, with what it has taken before. */
export function openOrderDesk(options: OpenDeskOptions): OrderDesk {
  const { log, writer, clock, timeSource } = options;
  const { store } = log;
  const saved = store.readDocumentBytes(ORDERS_DOCUMENT);
  const text = saved === undefined ? undefined : Buffer.from(saved).toString("latin1");
  const memory = OrderMemory.open(store, text);
  const desk = new OrderDesk({
    ...options,
    memory,
    turn: (input) => writer.turn(input, busy),
    enter: (draft) => writer.enter(draft),
    save: (memory) => store.writeDocument(ORDERS_DOCUMENT, memory),
    now: () => {
      // What the log says of its clock counts for whoever judges the entry later.
      const isKnown = timeSource.state.synchronised && log.fold.synchronised;
      return isKnown && clock.heldUntil === undefined ? clock.now() : undefined;
    },
  });
  // One of a longer log would pass for this log's once that is as long.
  if (memory.save() !== text) desk.keep();
  return desk;
}

function busy(): GatewayError {
  return new GatewayError("busy", "hardware", "The log could not take this order now.");
}
