import type { CanBus, CanFrame } from "@wattseal/can-protocol";

/**
 * Sends frames in exactly the order given, one in the controller at a time; and, beside them, a flood in
 * whatever order fills the wire.
 */
export class Outbox {
  readonly #bus: CanBus;
  #queue: CanFrame[] = [];
  #head = 0;
  #outstanding: CanFrame | undefined;
  #flood: CanFrame[] = [];

  constructor(bus: CanBus) {
    this.#bus = bus;
  }

  /** Ordered frames that have not left. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** Frames of a flood that the controller has not taken. */
  get flooding(): number {
    return this.#flood.length;
  }

  put(frames: readonly CanFrame[]): void {
    for (const frame of frames) this.#queue.push(frame);
    this.#fill();
  }

  flood(frames: readonly CanFrame[]): void {
    this.#flood.push(...frames);
    this.#fill();
  }

  /** For the bus listener. */
  sent(frame: CanFrame): void {
    if (frame === this.#outstanding) {
      this.#outstanding = undefined;
      this.#head += 1;
      if (this.#head === this.#queue.length) {
        this.#queue = [];
        this.#head = 0;
      }
    }
    this.#fill();
  }

  #fill(): void {
    const next = this.#queue[this.#head];
    if (this.#outstanding === undefined && next !== undefined) {
      this.#outstanding = next; // before `send`: a bus may report it sent from within
      if (!this.#bus.send(next)) this.#outstanding = undefined;
    }
    for (let frame = this.#flood[0]; frame !== undefined; frame = this.#flood[0]) {
      if (!this.#bus.send(frame)) return;
      this.#flood.shift();
    }
  }
}
