import {
  type CanBus,
  type CanFrame,
  type FrameClass,
  FrameScheduler,
  type Queueing,
} from "@wattseal/can-protocol";

/** One PDU to be sent. */
export interface Departure {
  readonly class: FrameClass;
  readonly frames: readonly CanFrame[];
  readonly queueing?: Queueing | undefined;
}

/**
 * All links share one controller. What the scheduler has no room for is given back at once: the links know what is
 * still of use when there is room, and a backlog of their old words would be of none.
 */
export class Outbox {
  readonly #scheduler: FrameScheduler;
  readonly #onUnsent: (frameClass: FrameClass, frames: number) => void;

  constructor(bus: CanBus, onUnsent: (frameClass: FrameClass, frames: number) => void) {
    this.#onUnsent = onUnsent;
    this.#scheduler = new FrameScheduler(bus, {
      unsent: (frameClass, frames) => onUnsent(frameClass, frames.length),
    });
  }

  get scheduler(): FrameScheduler {
    return this.#scheduler;
  }

  /** False: there is no room, and none of it will leave. */
  transmit({ class: frameClass, frames, queueing }: Departure): boolean {
    if (this.#scheduler.offer(frameClass, frames, queueing)) return true;
    this.#onUnsent(frameClass, frames.length);
    return false;
  }
}
