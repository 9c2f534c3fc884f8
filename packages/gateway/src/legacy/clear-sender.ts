import type { BusState, CanBus, CanFrame } from "@wattseal/can-protocol";

/** A few rounds of what the whole list of modules can call for at once. */
const LIMIT = 128;

/**
 * Clear frames on the controller that the links share: one at a time in a mailbox, so that they leave in order and
 * the links' frames find room beside them.
 */
export class ClearSender {
  readonly #bus: CanBus;
  readonly #unsent: (frames: number) => void;
  #waiting: CanFrame[] = [];
  #outstanding: CanFrame | undefined;

  constructor(bus: CanBus, unsent: (frames: number) => void) {
    this.#bus = bus;
    this.#unsent = unsent;
  }

  /**
   * Beyond the limit a frame is lost, and told: everything sent here is sent again when it is missed. An urgent one
   * goes before all that waits.
   */
  send(frame: CanFrame, urgent = false): void {
    if (urgent) {
      this.#waiting.unshift(frame);
      this.#next();
      return;
    }
    if (this.#waiting.length >= LIMIT) {
      this.#unsent(1);
      return;
    }
    this.#waiting.push(frame);
    this.#next();
  }

  /** For the bus listener: of every frame that has left. */
  sent(frame: CanFrame): void {
    if (frame.id === this.#outstanding?.id) this.#outstanding = undefined;
    this.#next();
  }

  /** For the bus listener. Bus-off forgets what was queued. */
  state(state: BusState): void {
    if (state !== "bus-off") {
      this.#next();
      return;
    }
    this.clear();
  }

  clear(): void {
    const lost = this.#waiting.length + (this.#outstanding === undefined ? 0 : 1);
    this.#waiting = [];
    this.#outstanding = undefined;
    if (lost > 0) this.#unsent(lost);
  }

  #next(): void {
    const next = this.#waiting[0];
    if (this.#outstanding !== undefined || next === undefined) return;
    this.#outstanding = next; // before `send`: a bus may report it sent from within
    this.#waiting.shift();
    if (this.#bus.send(next)) return;
    this.#outstanding = undefined;
    this.#waiting.unshift(next);
  }
}
