import type { Cancel, Clock, ModuleUid } from "@wattseal/base";
import {
  type CanBus,
  type CanFrame,
  LegacyPack,
  type LegacyPackEffect,
  type LegacyPackEvent,
  type LegacyPackOptions,
} from "@wattseal/can-protocol";
import { listener } from "../testing.fixture.js";

/** The least that a gateway does for clear-text modules: the real pack end, over any bus and clock. */
export class LegacyPackEnd {
  readonly pack: LegacyPack;
  readonly effects: { readonly at: number; readonly effect: LegacyPackEffect }[] = [];
  readonly #bus: CanBus;
  readonly #clock: Clock;
  readonly #waiting: CanFrame[] = [];
  #timer: Cancel = () => {};
  #stopped = false;

  constructor(bus: CanBus, clock: Clock, options: LegacyPackOptions) {
    this.#bus = bus;
    this.#clock = clock;
    this.pack = new LegacyPack(options);
    bus.listen(
      listener({
        frame: (frame) => this.do({ kind: "frame", frame }),
        sent: () => this.#send(),
      }),
    );
    this.do({ kind: "open" });
  }

  do(event: LegacyPackEvent): void {
    if (this.#stopped) return;
    for (const effect of this.pack.handle(event, this.#clock.now())) {
      this.effects.push({ at: this.#clock.now(), effect });
      if (effect.kind === "transmit") this.#waiting.push(effect.frame);
    }
    this.#send();
    this.#timer();
    const { deadline } = this.pack;
    if (deadline !== undefined) {
      this.#timer = this.#clock.at(deadline, () => this.do({ kind: "timer" }));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer();
    this.#bus.close();
  }

  of<K extends LegacyPackEffect["kind"]>(
    kind: K,
    uid?: ModuleUid,
  ): Extract<LegacyPackEffect, { kind: K }>[] {
    return this.effects
      .map(({ effect }) => effect)
      .filter((effect): effect is Extract<LegacyPackEffect, { kind: K }> => effect.kind === kind)
      .filter((effect) => uid === undefined || ("uid" in effect && effect.uid === uid));
  }

  events(uid: ModuleUid): string[] {
    return this.of("event").flatMap(({ event }) => (event.uid === uid ? [event.kind] : []));
  }

  #send(): void {
    while (this.#waiting[0] !== undefined && this.#bus.send(this.#waiting[0]))
      this.#waiting.shift();
  }
}
