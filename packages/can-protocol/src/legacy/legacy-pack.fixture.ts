import { type Millis, millis, moduleUid, slot } from "@wattseal/base";
import {
  type CanFrame,
  type ClearFrameName,
  type ClearMessage,
  type ClearValues,
  decodeClear,
  encodeClear,
  LegacyPack,
  type LegacyPackEffect,
  type LegacyPackEvent,
  type LegacyPackOptions,
} from "../index.js";

export const A = moduleUid("0a0b000011223344");
export const B = moduleUid("0a0b000011223355");
export const PAIRED = { uid: moduleUid("5701000000000001"), slot: slot(1) };
const START = 1_800_000_000_000;

/** A pack on virtual time, with what it did so far. */
export class PackBench {
  readonly pack: LegacyPack;
  readonly effects: { readonly at: number; readonly effect: LegacyPackEffect }[] = [];
  now: number = START;
  /** Answers each frame that the pack sends; frames come back 10 ms later. */
  answer: (sent: ClearMessage, frame: CanFrame) => readonly CanFrame[] = () => [];
  #coming: { readonly at: number; readonly frame: CanFrame }[] = [];

  constructor(options: Partial<LegacyPackOptions> = {}) {
    this.pack = new LegacyPack({ modules: [{ uid: A }], secured: [PAIRED], ...options });
  }

  do(event: LegacyPackEvent): readonly LegacyPackEffect[] {
    const effects = this.pack.handle(event, millis(this.now));
    for (const effect of effects) {
      this.effects.push({ at: this.now - START, effect });
      if (effect.kind !== "transmit") continue;
      for (const frame of this.answer(decodeClear(effect.frame)!, effect.frame)) {
        this.#coming.push({ at: this.now + 10, frame });
      }
    }
    return effects;
  }

  hear<N extends ClearFrameName>(
    name: N,
    values: ClearValues<N>,
    options: { address?: number; sequence?: number } = {},
  ): readonly LegacyPackEffect[] {
    return this.do({ kind: "frame", frame: encodeClear(name, values, options) });
  }

  /** Lets time pass: timers and answers in their order. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; ; steps += 1) {
      if (steps > 100 * ms + 1000) throw new Error("the deadline does not move on");
      this.#coming.sort((a, b) => a.at - b.at);
      const arrival = this.#coming[0]?.at ?? Number.POSITIVE_INFINITY;
      const deadline = this.pack.deadline ?? Number.POSITIVE_INFINITY;
      const next = Math.min(arrival, deadline);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (arrival <= deadline) this.do({ kind: "frame", frame: this.#coming.shift()!.frame });
      else this.do({ kind: "timer" });
    }
    this.now = end;
  }

  /** What was sent under this name. */
  sent<N extends ClearFrameName>(name: N): { at: number; values: ClearValues<N>; dlc: number }[] {
    return this.effects.flatMap(({ at, effect }) => {
      if (effect.kind !== "transmit") return [];
      const message = decodeClear(effect.frame)!;
      if (message.name !== name) return [];
      return [{ at, values: message.values as ClearValues<N>, dlc: effect.frame.data.length }];
    });
  }

  of<K extends LegacyPackEffect["kind"]>(kind: K): Extract<LegacyPackEffect, { kind: K }>[] {
    return this.effects
      .map(({ effect }) => effect)
      .filter((effect): effect is Extract<LegacyPackEffect, { kind: K }> => effect.kind === kind);
  }

  events(): string[] {
    return this.of("event").map(({ event }) => event.kind);
  }

  forget(): void {
    this.effects.length = 0;
  }
}

export const identity = (uid: string) => ({
  manufacturer: Number.parseInt(uid.slice(0, 2), 16),
  part: Number.parseInt(uid.slice(2, 4), 16),
  unique: Buffer.from(uid.slice(8), "hex").readUInt32LE(),
});

export const STATUS_1 = {
  state: 0,
  status: 2,
  soc: 50,
  soh: 98,
  cells: 94,
  current: 0,
  voltage: 349.995,
};
export const STATUS_2 = { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 };
export const STATUS_3 = { low: 20, high: 25, average: 22 };

/** A well-behaved module, as far as it is needed here: it registers, and answers status requests. */
export class Answers {
  readonly uid: string;
  address: number | undefined;
  silent = false;
  state = 0;
  acceptsBytes = 2;
  status1 = STATUS_1;

  constructor(uid: string) {
    this.uid = uid;
  }

  readonly to = (sent: ClearMessage, frame: CanFrame): readonly CanFrame[] => {
    if (this.silent) return [];
    if (sent.name === "announceRequest" && this.address === undefined) {
      return [encodeClear("announce", { fw: 0x123, ...identity(this.uid) })];
    }
    if (sent.name === "register") {
      const { id, controller, ...who } = sent.values;
      if (JSON.stringify(who) === JSON.stringify(identity(this.uid))) this.address = id;
      return [];
    }
    if (this.address === undefined || sent.address !== this.address) return [];
    return this.#asked(sent, frame, this.address);
  };

  #asked(sent: ClearMessage, frame: CanFrame, address: number): readonly CanFrame[] {
    if (sent.name === "hardwareRequest") {
      const limits = { maxChargeCurrent: 48, maxDischargeCurrent: -48, endVoltage: 394.8 };
      return [encodeClear("hardware", { ...limits, hwVersion: 1 }, { address })];
    }
    if (sent.name === "statusRequest") {
      return [
        encodeClear("status1", { ...this.status1, state: this.state }, { address }),
        encodeClear("status2", STATUS_2, { address }),
        encodeClear("status3", STATUS_3, { address }),
      ];
    }
    if (sent.name === "stateChange" && frame.data.length === this.acceptsBytes) {
      this.state = sent.values.state;
    }
    if (sent.name === "deregister") this.address = undefined;
    return [];
  }
}

export function together(...modules: readonly Answers[]) {
  return (sent: ClearMessage, frame: CanFrame) => modules.flatMap((one) => one.to(sent, frame));
}

export const at = (time: number): Millis => millis(START + time);
