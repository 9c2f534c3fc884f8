import type { CanBus } from "@wattseal/can-protocol";
import type { TimeReader } from "../time/kernel.js";
import { carried, type ReplayCounts, ReplayTally } from "./carried.js";
import { type PlayerOptions, TracePlayer } from "./player.js";

export interface TraceSending extends TimeReader {
  readonly counts: ReplayCounts;
  /** Settles when the bus has taken the last record; rejects with what reading threw. */
  readonly finished: Promise<void>;
  stop(): void;
}

/**
 * Sends a trace onto a bus, as a node of it: anyone on a wire can do that with what they heard. A record that
 * the bus cannot carry is left out and counted by reason; one that waits for a mailbox delays those after it.
 */
export function sendTrace(bus: CanBus, options: PlayerOptions): TraceSending {
  const tally = new ReplayTally();
  const player = new TracePlayer(options, (record) => {
    const frame = carried(record, bus.info);
    if (typeof frame === "string") tally.leave(frame);
    else if (bus.send(frame)) tally.played += 1;
    else return false;
    return true;
  });
  const leave = bus.listen({
    frame: () => {},
    sent: () => player.resume(),
    error: () => {},
    state: () => player.resume(),
  });
  const finished = player.finished.finally(leave);
  finished.catch(() => {});
  return {
    counts: tally,
    finished,
    ready: () => player.ready(),
    stop: () => player.stop(),
  };
}
