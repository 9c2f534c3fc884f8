import type { Cancel, Clock } from "@wattseal/base";
import {
  type CanBus,
  type CanFrame,
  type FrameClass,
  FrameScheduler,
  type ModuleLink,
  type ModuleLinkEffect,
  type ModuleLinkEvent,
  slotOf,
} from "@wattseal/can-protocol";

interface Waiting {
  readonly cls: FrameClass;
  readonly frames: readonly CanFrame[];
}

/** Carries one module's link over a bus node: frames in and out, and its timer. */
export class LinkDriver {
  readonly #clock: Clock;
  readonly #bus: CanBus;
  readonly #link: ModuleLink;
  readonly #scheduler: FrameScheduler;
  readonly #effect: (effect: ModuleLinkEffect) => void;
  readonly #unlisten: Cancel;
  /** The one being handled first. */
  readonly #events: ModuleLinkEvent[] = [];
  #waiting: readonly Waiting[] = [];
  #hung = false;
  /** The flash was written while the firmware hung. */
  #missed: ModuleLinkEvent | undefined;
  #timer: { readonly time: number; readonly cancel: Cancel } | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly bus: CanBus;
    readonly link: ModuleLink;
    readonly slot: number;
    /** All but `transmit`. */
    readonly effect: (effect: ModuleLinkEffect) => void;
  }) {
    this.#clock = options.clock;
    this.#bus = options.bus;
    this.#link = options.link;
    this.#effect = options.effect;
    this.#scheduler = new FrameScheduler(options.bus, { room: () => this.#offerWaiting() });
    const { slot } = options;
    this.#unlisten = options.bus.listen({
      frame: (frame) => {
        if (slotOf(frame.id) === slot) this.handle({ kind: "frame", frame });
      },
      sent: (frame) => this.#scheduler.sent(frame),
      error: () => {},
      state: (state) => {
        this.#scheduler.state(state);
        this.handle({ kind: "bus", state });
      },
    });
  }

  /** Earlier frames have not left yet: a new reading would only queue behind an old one. */
  get congested(): boolean {
    return this.#scheduler.waiting("normal") > 0;
  }

  /** What an effect gives rise to is handled after the effects before it. */
  handle(event: ModuleLinkEvent): void {
    if (this.#hung) {
      if (event.kind === "stored") this.#missed = event;
      return;
    }
    this.#events.push(event);
    if (this.#events.length > 1) return;
    for (let next = this.#events[0]; next !== undefined; next = this.#events[0]) {
      for (const effect of this.#link.handle(next, this.#clock.now())) {
        if (effect.kind === "transmit") this.#transmit(effect.class, effect.frames);
        else this.#effect(effect);
      }
      this.#events.shift();
    }
    this.#arm();
  }

  /** The firmware does nothing for a while; what it had handed to the controller still leaves. */
  hang(hung: boolean): void {
    this.#hung = hung;
    if (hung) return;
    const missed = this.#missed;
    this.#missed = undefined;
    if (missed !== undefined) this.handle(missed);
    this.handle({ kind: "bus", state: this.#bus.state });
    this.handle({ kind: "timer" });
  }

  close(): void {
    this.#unlisten();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  #transmit(cls: FrameClass, frames: readonly CanFrame[]): void {
    const mayGo = !this.#waiting.some((other) => other.cls === cls);
    if (mayGo && this.#scheduler.offer(cls, frames)) return;
    this.#waiting = [...this.#waiting, { cls, frames }];
  }

  #offerWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { cls, frames } of waiting) this.#transmit(cls, frames);
  }

  /** The link's deadline moves on often and back rarely: an alarm that comes early looks again. */
  #arm(): void {
    const { deadline } = this.#link;
    if (deadline === undefined) return;
    if (this.#timer !== undefined && this.#timer.time <= deadline) return;
    this.#timer?.cancel();
    const cancel = this.#clock.at(deadline, () => {
      this.#timer = undefined;
      const due = this.#link.deadline;
      if (this.#hung) return;
      if (due !== undefined && due <= this.#clock.now()) this.handle({ kind: "timer" });
      else this.#arm();
    });
    this.#timer = { time: deadline, cancel };
  }
}
