import type { Cancel, Micros } from "@wattseal/base";
import type { BusError, BusListener, BusState, CanFrame } from "@wattseal/can-protocol";

/** Whoever listens to one controller. Joining and leaving while an event is told counts from the next one. */
export class BusListeners implements BusListener {
  #all: readonly BusListener[] = [];

  add(listener: BusListener): Cancel {
    this.#all = [...this.#all, listener];
    return () => {
      this.#all = this.#all.filter((other) => other !== listener);
    };
  }

  clear(): void {
    this.#all = [];
  }

  frame(frame: CanFrame, time: Micros): void {
    for (const listener of this.#all) listener.frame(frame, time);
  }

  sent(frame: CanFrame, time: Micros): void {
    for (const listener of this.#all) listener.sent(frame, time);
  }

  error(error: BusError, time: Micros): void {
    for (const listener of this.#all) listener.error(error, time);
  }

  state(state: BusState, time: Micros): void {
    for (const listener of this.#all) listener.state(state, time);
  }
}
