import type { BusListener, BusState, CanBus, CanFrame } from "./bus.js";
import { CanProtocolError } from "./errors.js";
import type { FrameClass } from "./link/types.js";

export interface SchedulerListener {
  /** After `offer` answered false: this class has room again. */
  room?(cls: FrameClass): void;
  /** Bus-off: these frames of one PDU never left, whole or from the first unsent one on. */
  unsent?(cls: FrameClass, frames: readonly CanFrame[]): void;
}

/** Keeps at most one frame of each class in the controller, urgent first, each class in order. */
export class FrameScheduler {
  readonly bus: CanBus;
  constructor(bus: CanBus, _listener: SchedulerListener = {}) {
    this.bus = bus;
  }
  /** False: the queue of this class is full and nothing was taken; offer it again after `room`. */
  offer(_cls: FrameClass, _frames: readonly CanFrame[]): boolean {
    throw new CanProtocolError("session-over", "invariant", "not built yet");
  }
  /** From the bus's listener. */
  sent(_frame: CanFrame): void {}
  /** From the bus's listener. */
  state(_state: BusState): void {}
}
export type { BusListener };
