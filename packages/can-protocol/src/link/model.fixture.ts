/** Two secured links on one hostile bus, driven step by step from a seed, and beside them the model. */
import { type Millis, millis, moduleUid, slot } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import { packHash, reading, seededEntropy, T0 } from "./link-pair.fixture.js";
import { Model, type Side, VOLT } from "./model-rules.fixture.js";
import { ModuleLink } from "./module-link.js";
import { PackLink } from "./pack-link.js";
import type { ModuleLinkEffect, PackLinkEffect } from "./types.js";
import { type LocalPackLink, withHalves } from "./with-halves.js";

type Effect = PackLinkEffect | ModuleLinkEffect;

const LIMITS = { sessionPdus: 100, outcomeMs: 1500 };
const IN_FLIGHT = 64;
const HISTORY = 256;
const packHalf = DeviceHalf.generate(seededEntropy(51));
const halves = [52, 53].map((seed) => DeviceHalf.generate(seededEntropy(seed)));

/** In [0, 1): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface End {
  readonly place: number;
  readonly side: Side;
  link: LocalPackLink | ModuleLink;
  busOff: boolean;
  /** On the way to this end. */
  inFlight: CanFrame[];
  bootedAt: number;
}

export class HostileBus {
  readonly #model = new Model();
  readonly #random: () => number;
  readonly #fd: boolean;
  readonly #ends: readonly End[];
  readonly #history: CanFrame[] = [];
  #seed: number;
  #now: Millis = millis(T0);
  /** Time that has passed, whatever the clock was set to. */
  #passed = 0;
  sessions = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = uniform(seed);
    this.#fd = this.#random() < 0.7;
    this.#ends = [0, 1].flatMap((place) => [
      this.#newEnd(place, "pack"),
      this.#newEnd(place, "module"),
    ]);
    for (const end of this.#ends) this.#handle(end, { kind: "open" });
  }

  get accepted(): number {
    return this.#model.accepted;
  }

  /** One step of anything; throws when an end accepts what the model does not. */
  step(): void {
    const end = this.#pick(this.#ends);
    const dice = this.#random() * 1000;
    if (dice < 260) this.#send(end);
    else if (dice < 700) this.#arrive(end);
    else if (dice < 790) this.#meddle(end);
    else if (dice < 992) this.#pass(1 + Math.floor(this.#random() ** 4 * 700));
    else if (dice < 994) this.#reset(end);
    else if (dice < 996) this.#toggleBus(end);
    else if (dice < 998) this.#pass(2000 + Math.floor(this.#random() * 300_000));
    else this.#setBack(Math.floor(this.#random() * 60_000));
  }

  /** The bus is good from now on: whether both links come to a session that their two ends share, within 130 s. */
  recovers(): boolean {
    for (const end of this.#ends) {
      end.inFlight = [];
      if (end.busOff) this.#toggleBus(end);
    }
    for (const until = this.#passed + 130_000; this.#passed < until && !this.#isWhole(); ) {
      this.#pass(250);
      for (const end of this.#ends) if (end.side === "module") this.#send(end);
      while (this.#ends.some((end) => this.#deliver(end)));
    }
    return this.#isWhole();
  }

  #isWhole(): boolean {
    return [0, 1].every((place) => {
      const [one, other] = this.#ends.filter((end) => end.place === place);
      const { handshakeHash: hash, phase } = one!.link.status;
      const peer = other!.link.status;
      if (phase !== "settled" || peer.phase !== "settled") return false;
      return hash !== undefined && String(hash) === String(peer.handshakeHash);
    });
  }

  #deliver(end: End): boolean {
    const frame = end.inFlight.shift();
    if (frame !== undefined) this.#handle(end, { kind: "frame", frame });
    return frame !== undefined;
  }

  #send(end: End): void {
    const { place, side, link } = end;
    const serial = this.#model.serial();
    const urgent = this.#random() < 0.3;
    if (!(link instanceof ModuleLink)) {
      const key = urgent ? `state ${serial % 65_536}` : `time ${serial}`;
      this.#model.sends(key, { place, from: side, class: urgent ? "urgent" : "normal" });
      this.#handle(end, {
        kind: "send",
        message: urgent
          ? { kind: "state-change", state: 1, hvBusVoltage: (serial % 65_536) * VOLT }
          : { kind: "time", utcMs: serial, valid: 1 },
      });
      return;
    }
    const key = urgent ? `report ${serial % 65_536}` : `reading ${serial}`;
    this.#model.sends(key, { place, from: side, class: urgent ? "urgent" : "normal" });
    const tick = this.#passed - end.bootedAt;
    const voltage = (serial % 65_536) * VOLT;
    this.#handle(end, {
      kind: "send",
      message: urgent
        ? { kind: "state-report", tick, state: 1, status: 2, faults: 0, voltage }
        : { ...reading(tick), inMwh: serial as ReturnType<typeof reading>["inMwh"] },
    });
  }

  /** In order mostly; or out of it, twice, or not at all. */
  #arrive(end: End): void {
    const dice = this.#random();
    const count = dice < 0.5 ? 1 : 8;
    for (let n = 0; n < count && end.inFlight.length > 0; n += 1) {
      const at = this.#random() < 0.04 ? Math.floor(this.#random() * end.inFlight.length) : 0;
      const frame = end.inFlight[at]!;
      const fate = this.#random();
      if (fate > 0.03) end.inFlight.splice(at, 1);
      if (fate < 0.97) this.#handle(end, { kind: "frame", frame });
    }
  }

  /** A frame that no end sent there: from any time, any slot, either direction, whole or changed. */
  #meddle(end: End): void {
    const old = this.#history[Math.floor(this.#random() * this.#history.length)];
    if (old === undefined) return;
    const dice = Math.floor(this.#random() * 8);
    const ids = [old.id, old.id ^ 1, old.id ^ (1 << 18), old.id ^ (1 << 19), old.id ^ (1 << 20)];
    let { data } = old;
    if (dice === 5 && data.length > 0) {
      data = Uint8Array.from(data);
      data[Math.floor(this.#random() * data.length)]! ^= 1 << Math.floor(this.#random() * 8);
    }
    if (dice === 6) data = data.subarray(0, data.length >> 1);
    this.#handle(end, { kind: "frame", frame: { ...old, id: ids[dice] ?? old.id, data } });
  }

  #pass(ms: number): void {
    this.#now = millis(this.#now + ms);
    this.#passed += ms;
    this.#timers();
  }

  /** The clock is set back, between two looks of every end at it. */
  #setBack(ms: number): void {
    for (const end of this.#ends) this.#handle(end, { kind: "timer" });
    this.#now = millis(this.#now - ms);
    for (const end of this.#ends) this.#handle(end, { kind: "timer" });
  }

  #timers(): void {
    for (const end of this.#ends) {
      const { deadline } = end.link;
      if (deadline !== undefined && deadline <= this.#now) this.#handle(end, { kind: "timer" });
    }
  }

  #reset(end: End): void {
    const fresh = this.#newEnd(end.place, end.side);
    end.link = fresh.link;
    end.bootedAt = fresh.bootedAt;
    end.busOff = false;
    this.#handle(end, { kind: "open" });
  }

  #toggleBus(end: End): void {
    end.busOff = !end.busOff;
    this.#handle(end, { kind: "bus", state: end.busOff ? "bus-off" : "active" });
  }

  #handle(
    end: End,
    event: Parameters<PackLink["handle"]>[0] | Parameters<ModuleLink["handle"]>[0],
  ) {
    // Each event is one of the common ones, or was made for this side.
    const link = end.link as { handle(event: unknown, now: Millis): readonly Effect[] };
    for (const effect of link.handle(event, this.#now)) this.#carryOut(end, effect);
  }

  #carryOut(end: End, effect: Effect): void {
    const { place, side } = end;
    if (effect.kind === "transmit") {
      for (const frame of effect.frames) this.#transmit(end, frame);
    } else if (effect.kind === "session") {
      this.sessions += 1;
      this.#model.session(place, side, String(effect.handshakeHash));
    } else if (effect.kind === "message") {
      const { message } = effect;
      const commanded = side === "module" && message.kind !== "ping" && "tick" in message;
      const age = commanded ? this.#passed - end.bootedAt - message.tick : undefined;
      this.#model.accepts(place, side, effect, age);
    }
  }

  #transmit(from: End, frame: CanFrame): void {
    if (from.busOff) return;
    const to = this.#ends.find(({ place, side }) => place === from.place && side !== from.side);
    to?.inFlight.push(frame);
    if (to !== undefined && to.inFlight.length > IN_FLIGHT) to.inFlight.shift();
    if (this.#history.length < HISTORY) this.#history.push(frame);
    else this.#history[Math.floor(this.#random() * HISTORY)] = frame;
  }

  #newEnd(place: number, side: Side): End {
    this.#seed += 1;
    const entropy = seededEntropy(this.#seed * 7919 + 13);
    const half = halves[place]!;
    const module = {
      uid: moduleUid(place === 0 ? "0102000078563412" : "0102000078563413"),
      slot: slot(4 + place),
      busId: 0,
      half: half.publicKey,
    };
    const common = { entropy, fd: this.#fd, limits: LIMITS };
    const link =
      side === "pack"
        ? withHalves(new PackLink({ ...common, packHash, module, packHalf: packHalf.publicKey }), [
            packHalf,
          ])
        : new ModuleLink({
            ...common,
            uid: module.uid,
            pairing: { packHash, packHalf: packHalf.publicKey, fed: packHash, ...module },
            custody: half,
            bootedAt: this.#now,
            capabilities: 0,
          });
    return { place, side, link, busOff: false, inFlight: [], bootedAt: this.#passed };
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!;
  }
}
