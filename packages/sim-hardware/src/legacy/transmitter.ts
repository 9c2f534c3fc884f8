import type { Cancel } from "@wattseal/base";
import type { CanBus, CanFrame } from "@wattseal/can-protocol";

/** More than a log frame and a round of status; what is beyond is lost, as in the module's own buffer. */
const LIMIT = 256;

/** One controller's queue: frames leave in order, as fast as its mailbox takes them. */
export class Transmitter {
  readonly #bus: CanBus;
  readonly #waiting: CanFrame[] = [];
  readonly #unlisten: Cancel;
  #busy = false;

  constructor(bus: CanBus, received: (frame: CanFrame) => void) {
    this.#bus = bus;
    this.#unlisten = bus.listen({
      frame: received,
      sent: () => {
        this.#busy = false;
        this.#next();
      },
      error: () => {},
      state: (state) => {
        if (state !== "bus-off") return;
        this.#waiting.length = 0;
        this.#busy = false;
      },
    });
  }

  send(frame: CanFrame): void {
    if (this.#waiting.length >= LIMIT) return;
    this.#waiting.push(frame);
    this.#next();
  }

  close(): void {
    this.#unlisten();
    this.#waiting.length = 0;
    this.#bus.close();
  }

  /** One at a time in the controller, so that they stay in order. */
  #next(): void {
    if (this.#busy) return;
    const frame = this.#waiting.shift();
    if (frame === undefined) return;
    this.#busy = true; // before `send`: a bus may report it sent from within
    if (this.#bus.send(frame)) return;
    this.#busy = false;
    this.#waiting.unshift(frame);
  }
}
