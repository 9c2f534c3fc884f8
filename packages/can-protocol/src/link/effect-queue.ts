import type { CanFrame } from "../bus.js";
import type { LinkAlarm } from "./alarm.js";
import type { CommonEffect, DownReason, FrameClass, Queueing } from "./types.js";

/** The effects of one event, in their order; `down` once until `up`. */
export class EffectQueue<Effect extends { readonly kind: string }> {
  #queue: (Effect | CommonEffect)[] = [];
  #down = false;

  push(effect: Effect | CommonEffect): void {
    this.#queue.push(effect);
  }

  transmit(cls: FrameClass, frames: readonly CanFrame[], queueing?: Queueing): void {
    this.#queue.push({ kind: "transmit", class: cls, frames, queueing });
  }

  alarm(alarm: LinkAlarm): void {
    this.#queue.push({ kind: "alarm", alarm });
  }

  up(handshakeHash: Uint8Array, capabilities: number): void {
    this.#down = false;
    this.#queue.push({ kind: "session", handshakeHash, capabilities });
  }

  down(reason: DownReason): void {
    if (this.#down) return;
    this.#down = true;
    this.#queue.push({ kind: "down", reason });
  }

  take(): readonly (Effect | CommonEffect)[] {
    if (this.#queue.length === 0) return NOTHING;
    const effects = this.#queue;
    this.#queue = [];
    return effects;
  }
}

const NOTHING: readonly never[] = [];
