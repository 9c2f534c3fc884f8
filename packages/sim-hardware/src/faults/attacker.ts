import type { Cancel } from "@wattseal/base";
import type { CanFrame } from "@wattseal/can-protocol";
import type { VirtualNode } from "../bus/virtual-bus.js";
import type { Stage } from "./stage.js";

const MAILBOXES = 16;
/** Frames that an attacker keeps; older ones are given up. */
const MOST_PENDING = 4096;

/** A node that somebody has clipped to the wire. */
export class Attacker {
  readonly node: VirtualNode;
  readonly #stage: Stage;
  readonly #timers = new Set<Cancel>();
  #pending: CanFrame[] = [];
  #gone = false;

  constructor(stage: Stage, name: string, mailboxes = MAILBOXES) {
    this.#stage = stage;
    this.node = stage.bus.attach({ name, mailboxes });
    this.node.listen({
      frame: () => {},
      sent: () => this.#fill(),
      error: () => {},
      state: (state) => {
        if (state === "bus-off") this.#pending = [];
        else this.#fill();
      },
    });
  }

  hear(frame: (frame: CanFrame) => void): void {
    this.node.listen({ frame, sent: () => {}, error: () => {}, state: () => {} });
  }

  /** Behind what is still waiting, in this order. */
  send(frames: readonly CanFrame[]): void {
    if (this.#gone) return;
    this.#pending.push(...frames);
    if (this.#pending.length > MOST_PENDING) this.#pending = this.#pending.slice(-MOST_PENDING);
    this.#fill();
  }

  after(milliseconds: number, task: () => void): void {
    const { kernel } = this.#stage;
    const cancel = kernel.atMicros(kernel.nowMicros() + Math.round(milliseconds * 1000), () => {
      this.#timers.delete(cancel);
      task();
    });
    this.#timers.add(cancel);
  }

  /** `perSecond` times a second, from now on; skipped while earlier frames of its own are waiting. */
  every(perSecond: number, frames: () => readonly CanFrame[]): void {
    if (this.#pending.length === 0) this.send(frames());
    this.after(1000 / perSecond, () => this.every(perSecond, frames));
  }

  leave(): void {
    this.#gone = true;
    this.#pending = [];
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.node.close();
  }

  #fill(): void {
    if (this.#gone) return;
    let taken = 0;
    for (const frame of this.#pending) {
      if (!this.node.send(frame)) break;
      taken += 1;
    }
    this.#pending.splice(0, taken);
  }
}
