/** Two link ends over a channel in virtual time, for tests. */
import { type Entropy, type Millis, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import { type DeviceCustody, DeviceHalf, type ModulePairing } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import {
  CAPABILITY,
  type ModuleMessage,
  OUTCOME,
  type PackOrder,
  type Telemetry,
} from "../inner/messages.js";
import { DOMAIN } from "../secured/sealed-pdu.js";
import type { LinkAlarm } from "./alarm.js";
import { ModuleLink } from "./module-link.js";
import type { LinkLimits } from "./options.js";
import { PackLink } from "./pack-link.js";
import type { ModuleLinkEffect, PackLinkEffect } from "./types.js";
import { type LocalPackLink, withHalves } from "./with-halves.js";

export const T0 = 1_700_000_000_000;
export const UID = moduleUid("0102000078563412");
export const SLOT = slot(5);

/** Reproducible, and nothing like random: xorshift32. */
export function seededEntropy(seed: number): Entropy {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return {
    bytes: (length) =>
      Uint8Array.from({ length }, () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return state & 0xff;
      }),
  };
}

export function reading(tick: number, boot = 1): Telemetry {
  return {
    kind: "telemetry",
    status1: { state: 3, status: 2, soc: 87.5, soh: 98, cells: 94, current: 10, voltage: 349.995 },
    status2: { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 },
    status3: { low: 20, high: 25, average: 21.93 },
    inMwh: milliwattHours(123_456_789),
    outMwh: milliwattHours(98_765_432_101),
    tick,
    boot,
  };
}

export interface PairOptions {
  readonly fd?: boolean;
  readonly seed?: number;
  readonly limits?: Partial<LinkLimits>;
}

export const packHalf = DeviceHalf.generate(seededEntropy(1));
/** Halves that a pack may roll over to. */
export const nextHalf = DeviceHalf.generate(seededEntropy(21));
export const thirdHalf = DeviceHalf.generate(seededEntropy(22));
export const moduleHalf = DeviceHalf.generate(seededEntropy(2));
export const packHash = new Uint8Array(32).fill(0xaa);

const PAIRING: ModulePairing = {
  packHash,
  packHalf: packHalf.publicKey,
  slot: SLOT,
  busId: 0,
  fed: packHash,
};
const CAPABILITIES = CAPABILITY.cellDetail | CAPABILITY.counterStatement | CAPABILITY.keyRoll;

export interface Verdict {
  /** When it arrives, milliseconds from now; empty for a lost frame, two for one doubled. */
  readonly delays: readonly number[];
  readonly frame?: CanFrame;
}
export type Channel = (frame: CanFrame, from: "pack" | "module", now: number) => Verdict;
const perfect: Channel = () => ({ delays: [0] });

interface InFlight {
  readonly at: number;
  readonly order: number;
  readonly to: "pack" | "module";
  readonly frame: CanFrame;
}

/** Pack and module at the two ends of `channel`. Time passes only in `run`. */
export class LinkPair {
  pack: LocalPackLink;
  module: ModuleLink;
  /** What is durable at the module. */
  pairing: ModulePairing | undefined = PAIRING;
  /** What becomes of `store-pairing`. */
  flash: "durable" | "worn-out" | "power-fails" = "durable";
  /** The pack's halves: the one in use, and the one to follow. */
  custody: DeviceCustody = packHalf;
  nextCustody: DeviceCustody | undefined;
  /** Those that answer for the pack. */
  readonly halves: DeviceCustody[] = [packHalf, nextHalf, thirdHalf];
  channel: Channel = perfect;
  now: Millis = millis(T0);
  boot = 1;
  readonly packEffects: PackLinkEffect[] = [];
  readonly moduleEffects: ModuleLinkEffect[] = [];
  readonly wire: CanFrame[] = [];
  readonly #options: PairOptions;
  #inFlight: InFlight[] = [];
  #order = 0;
  #starts = 0;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.pack = this.#newPack();
    this.module = this.#newModule();
  }

  #newPack(): LocalPackLink {
    const { fd = false, seed = 7, limits = {} } = this.#options;
    const { custody, nextCustody } = this;
    this.#starts += 1;
    const link = new PackLink({
      packHash,
      module: { uid: UID, slot: SLOT, busId: 0, half: moduleHalf.publicKey },
      packHalf: custody.publicKey,
      ...(nextCustody === undefined ? {} : { nextHalf: nextCustody.publicKey }),
      entropy: seededEntropy(seed + 1000 * this.#starts),
      fd,
      maxState: 3,
      limits,
    });
    return withHalves(link, this.halves);
  }

  #newModule(): ModuleLink {
    const { fd = false, seed = 7, limits = {} } = this.#options;
    return new ModuleLink({
      uid: UID,
      pairing: this.pairing ?? PAIRING,
      custody: moduleHalf,
      entropy: seededEntropy(seed + 100 * this.boot),
      fd,
      bootedAt: this.now,
      capabilities: CAPABILITIES,
      limits,
    });
  }

  open(): this {
    this.toPack({ kind: "open" });
    this.toModule({ kind: "open" });
    return this;
  }

  /** Opens both and lets the handshake happen. */
  link(): this {
    this.open().run(10);
    return this;
  }

  /** Power off and on; an unpaired module stays silent. */
  resetModule(): void {
    this.boot += 1;
    this.module = this.#newModule();
    if (this.pairing !== undefined) this.toModule({ kind: "open" });
  }

  resetPack(): void {
    this.pack = this.#newPack();
    this.toPack({ kind: "open" });
  }

  toPack(event: Parameters<PackLink["handle"]>[0]): readonly PackLinkEffect[] {
    const effects = this.pack.handle(event, this.now);
    this.packEffects.push(...effects);
    this.#carry(effects, "pack");
    return effects;
  }

  toModule(event: Parameters<ModuleLink["handle"]>[0]): readonly ModuleLinkEffect[] {
    const effects = this.module.handle(event, this.now);
    this.moduleEffects.push(...effects);
    this.#carry(effects, "module");
    for (const { pairing } of ofKind(effects, "store-pairing")) this.#store(pairing);
    return effects;
  }

  #store(pairing: ModulePairing | undefined): void {
    if (this.flash === "power-fails") return;
    const durable = this.flash === "durable";
    if (durable) this.pairing = pairing;
    this.toModule({ kind: "stored", durable });
  }

  send(message: ModuleMessage): readonly ModuleLinkEffect[] {
    return this.toModule({ kind: "send", message });
  }

  order(message: PackOrder): readonly PackLinkEffect[] {
    return this.toPack({ kind: "send", message });
  }

  sendReading(): void {
    this.send(reading(this.module.tick(this.now), this.boot));
  }

  #carry(effects: readonly (PackLinkEffect | ModuleLinkEffect)[], from: "pack" | "module"): void {
    for (const effect of effects) {
      if (effect.kind !== "transmit") continue;
      for (const frame of effect.frames) this.inject(frame, from);
    }
  }

  /** Puts a frame on the wire as if `from` had sent it. */
  inject(frame: CanFrame, from: "pack" | "module"): void {
    this.wire.push(frame);
    const verdict = this.channel(frame, from, this.now);
    const to = from === "pack" ? "module" : "pack";
    for (const delay of verdict.delays) {
      const at = this.now + delay;
      this.#inFlight.push({ at, order: this.#order, to, frame: verdict.frame ?? frame });
      this.#order += 1;
    }
  }

  /** Lets `ms` pass, with a reading each `period` if given; frames and timers in their order. */
  run(ms: number, period?: number): this {
    const end = this.now + ms;
    for (let at: number = this.now; at <= end; at += 1) {
      this.now = millis(at);
      if (period !== undefined && at % period === 0) this.sendReading();
      this.#deliver();
      this.#timers();
      this.#deliver();
    }
    return this;
  }

  #deliver(): void {
    for (;;) {
      const due = this.#inFlight.filter((flight) => flight.at <= this.now);
      if (due.length === 0) return;
      this.#inFlight = this.#inFlight.filter((flight) => flight.at > this.now);
      due.sort((a, b) => a.at - b.at || a.order - b.order);
      for (const { to, frame } of due) {
        if (to === "pack") this.toPack({ kind: "frame", frame });
        else this.toModule({ kind: "frame", frame });
      }
    }
  }

  #timers(): void {
    if ((this.pack.deadline ?? Number.POSITIVE_INFINITY) <= this.now)
      this.toPack({ kind: "timer" });
    if ((this.module.deadline ?? Number.POSITIVE_INFINITY) <= this.now) {
      this.toModule({ kind: "timer" });
    }
  }
}

/** Answers what the module is told of, as firmware does; returns how many it answered. */
export function answerOrders(pair: LinkPair, code: number = OUTCOME.done): number {
  const told = ofKind(pair.moduleEffects, "message").filter(
    ({ message }) => message.kind !== "ping" && message.kind !== "heartbeat",
  );
  for (const { class: cls, counter, type } of told) {
    const command = { command: type, code, class: DOMAIN[cls], counter: counter % 2 ** 32 };
    pair.send({ kind: "outcome", tick: pair.module.tick(pair.now), ...command });
  }
  pair.moduleEffects.length = 0;
  return told.length;
}

export function ofKind<E extends { readonly kind: string }, K extends E["kind"]>(
  effects: readonly E[],
  kind: K,
): Extract<E, { readonly kind: K }>[] {
  return effects.filter(
    (effect): effect is Extract<E, { readonly kind: K }> => effect.kind === kind,
  );
}

export const readingsOf = (pair: LinkPair) =>
  ofKind(pair.packEffects, "message").filter(({ message }) => message.kind === "telemetry");

type End = "packEffects" | "moduleEffects";
export function alarmsOf(pair: LinkPair, end: End = "packEffects"): LinkAlarm[] {
  const effects: readonly (PackLinkEffect | ModuleLinkEffect)[] = pair[end];
  return ofKind(effects, "alarm").map(({ alarm }) => alarm);
}

/** What the module was told of, heartbeats and all. */
export const kindsAt = (pair: LinkPair) =>
  ofKind(pair.moduleEffects, "message").map(({ message }) => message.kind);

export const outcomesOf = (pair: LinkPair) => ofKind(pair.packEffects, "outcome");
