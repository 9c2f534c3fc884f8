import { MODULE_STATE, OUTCOME } from "@wattseal/can-protocol";

/** Which state the module is in: the lower of what was ordered and what the pack's heartbeats allow. */
export class Relay {
  /** A simulated module asks for On by itself: it stands for one whose pack has ordered it. */
  #ordered: number = MODULE_STATE.on;
  #allowed: number = MODULE_STATE.off;

  get state(): number {
    return Math.min(this.#ordered, this.#allowed);
  }

  /** Current can flow. */
  get closed(): boolean {
    return this.state === MODULE_STATE.on;
  }

  heartbeat(maxState: number): void {
    this.#allowed = Math.min(maxState, MODULE_STATE.on);
  }

  /** The pack is not heard any more. */
  silence(): void {
    this.#allowed = MODULE_STATE.off;
  }

  /** Stands until the next state change. */
  isolate(): void {
    this.#ordered = MODULE_STATE.off;
  }

  /** Returns the outcome. */
  order(state: number): number {
    if (state > MODULE_STATE.on) return OUTCOME.unsupported;
    if (state > this.#allowed) return OUTCOME.refused;
    this.#ordered = state;
    return OUTCOME.done;
  }
}
