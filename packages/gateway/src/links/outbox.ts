import {
  type CanBus,
  type CanFrame,
  type FrameClass,
  FrameScheduler,
} from "@wattseal/can-protocol";

/**
 * All links share one controller. What the scheduler has no room for waits here, in order, and is offered
 * again as soon as it has; a class's backlog is bounded by what links produce between two of its frames.
 */
export class Outbox {
  readonly #scheduler: FrameScheduler;
  readonly #waiting = new Map<FrameClass, (readonly CanFrame[])[]>();

  constructor(bus: CanBus, onUnsent: (frameClass: FrameClass, frames: number) => void) {
    this.#scheduler = new FrameScheduler(bus, {
      unsent: (frameClass, frames) => onUnsent(frameClass, frames.length),
      room: (frameClass) => this.#refill(frameClass),
    });
  }

  get scheduler(): FrameScheduler {
    return this.#scheduler;
  }

  transmit(frameClass: FrameClass, frames: readonly CanFrame[]): void {
    const waiting = this.#waiting.get(frameClass);
    if (waiting !== undefined) waiting.push(frames);
    else if (!this.#scheduler.offer(frameClass, frames)) this.#waiting.set(frameClass, [frames]);
  }

  #refill(frameClass: FrameClass): void {
    const waiting = this.#waiting.get(frameClass) ?? [];
    while (waiting[0] !== undefined && this.#scheduler.offer(frameClass, waiting[0]))
      waiting.shift();
    if (waiting.length === 0) this.#waiting.delete(frameClass);
  }
}
