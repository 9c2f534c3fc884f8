import type { BusState } from "@wattseal/can-protocol";

/** ISO 11898-1 §12.1.4: limits of the two counters. */
const WARNING_AT = 96;
const PASSIVE_AT = 128;
const BUS_OFF_AT = 256;
/** A receiver that has been passive is given a value from which it soon may be active again (119 to 127). */
const RECEIVE_AFTER_PASSIVE = 127;
/** Controllers keep the receive counter in eight bits. */
const MOST_RECEIVE = 255;
const TRANSMIT_STEP = 8;
const DOMINANT_STEP = 8;

/** A controller's transmit and receive error counters, and the state they put it in. */
export class FaultConfinement {
  #transmit = 0;
  #receive = 0;
  #off = false;

  get transmitErrors(): number {
    return this.#transmit;
  }
  get receiveErrors(): number {
    return this.#receive;
  }
  get off(): boolean {
    return this.#off;
  }
  /** Sends no dominant bits when it finds an error, and pauses after its own frames. */
  get passive(): boolean {
    return this.#transmit >= PASSIVE_AT || this.#receive >= PASSIVE_AT;
  }
  get state(): BusState {
    if (this.#off) return "bus-off";
    if (this.passive) return "passive";
    return this.#transmit >= WARNING_AT || this.#receive >= WARNING_AT ? "warning" : "active";
  }

  /** Its own frame was destroyed, or the wire stays dominant 8 more bits while it was sending. */
  transmitError(): void {
    this.#transmit += TRANSMIT_STEP;
    if (this.#transmit >= BUS_OFF_AT) this.#off = true;
  }

  /** Nobody acknowledged. An error passive sender, which may simply be alone, does not count that. */
  acknowledgementError(): void {
    if (!this.passive) this.transmitError();
  }

  receiveError(): void {
    this.#receive = Math.min(MOST_RECEIVE, this.#receive + 1);
  }

  /** It was the first to signal the error (the wire is still dominant after its flag), or the wire stays dominant. */
  dominantAfterFlag(): void {
    this.#receive = Math.min(MOST_RECEIVE, this.#receive + DOMINANT_STEP);
  }

  sentWell(): void {
    if (this.#transmit > 0) this.#transmit -= 1;
  }

  receivedWell(): void {
    if (this.#receive === 0) return;
    this.#receive = this.#receive < PASSIVE_AT ? this.#receive - 1 : RECEIVE_AFTER_PASSIVE;
  }

  /** After a reset, or 128 times 11 recessive bits of bus-off. */
  reset(): void {
    this.#transmit = 0;
    this.#receive = 0;
    this.#off = false;
  }
}
