import { type Cancel, type Clock, type Entropy, millis, type Slot, slot } from "@wattseal/base";
import {
  type CanBus,
  FrameScheduler,
  isSecured,
  type LocalPackLink,
  MODULE_STATE,
  type ModuleMessage,
  PackLink,
  type PackLinkEffect,
  type PackLinkEvent,
  type PackOrder,
  slotOf,
  type Telemetry,
  withHalves,
} from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";
import { type ModuleFlash, provisionModules } from "./module/flash.js";

const BUS_ID = 0;

/** A pack and its modules, paired. */
export function pairedPack(count: number, entropy: Entropy) {
  const packHalf = DeviceHalf.generate(entropy);
  const federation = DeviceHalf.generate(entropy);
  const packHash = entropy.bytes(32);
  const modules: ModuleFlash[] = provisionModules(count, entropy).map(({ uid, half }, i) => ({
    uid,
    half,
    pairing: {
      packHash,
      packHalf: packHalf.publicKey,
      slot: slot(i + 1),
      busId: BUS_ID,
      fed: federation.publicKey,
    },
  }));
  return { packHalf, packHash, federation, modules };
}

export interface Heard {
  readonly slot: Slot;
  readonly at: number;
  readonly message: ModuleMessage;
}

/** The least that a gateway does: links with heartbeats, over any bus and clock. */
export class PackSide {
  readonly heard: Heard[] = [];
  readonly rejected: string[] = [];
  /** What became of orders: their kind, and the result or the module's reason. */
  readonly outcomes: string[] = [];
  /** Slots that have proven the pack's new half. */
  readonly rolled: number[] = [];
  /** Of each slot, the last. */
  readonly telemetry = new Map<number, Telemetry>();
  /** Of its own controller. */
  readonly states: string[] = [];
  sessions = 0;
  readings = 0;
  readonly #links = new Map<number, LocalPackLink>();
  readonly #halves: DeviceHalf[] = [];
  readonly #timers = new Map<number, { readonly time: number; readonly cancel: Cancel }>();
  readonly #clock: Clock;
  readonly #scheduler: FrameScheduler;
  readonly #keep: boolean;
  onReading: (at: number, telemetry: Telemetry) => void = () => {};

  constructor(options: {
    readonly bus: CanBus;
    readonly clock: Clock;
    readonly entropy: Entropy;
    readonly pack: ReturnType<typeof pairedPack>;
    readonly fd?: boolean;
    readonly maxState?: number;
    /** Keep every message heard. */
    readonly keep?: boolean;
  }) {
    const { bus, pack } = options;
    this.#clock = options.clock;
    this.#keep = options.keep ?? false;
    this.#scheduler = new FrameScheduler(bus);
    bus.listen({
      frame: (frame) => {
        if (isSecured(frame.id)) this.#handle(slotOf(frame.id), { kind: "frame", frame });
      },
      sent: (frame) => this.#scheduler.sent(frame),
      error: () => {},
      state: (state) => {
        this.states.push(state);
        this.#scheduler.state(state);
        for (const at of this.#links.keys()) this.#handle(at, { kind: "bus", state });
      },
    });
    this.#halves.push(pack.packHalf);
    for (const { uid, half, pairing } of pack.modules) {
      const link = new PackLink({
        packHash: pack.packHash,
        module: { uid, slot: pairing!.slot, busId: BUS_ID, half: half.publicKey },
        packHalf: pack.packHalf.publicKey,
        entropy: options.entropy,
        fd: options.fd ?? false,
        maxState: options.maxState ?? MODULE_STATE.on,
      });
      this.#links.set(pairing!.slot, withHalves(link, this.#halves));
    }
    for (const at of this.#links.keys()) this.#handle(at, { kind: "open" });
  }

  /** Links with a verified session. */
  get linked(): number {
    return [...this.#links.values()].filter(({ status }) => status.linked).length;
  }

  /** Sealed PDUs taken, of all links. */
  get accepted(): number {
    return [...this.#links.values()].reduce((sum, { status }) => sum + status.counts.accepted, 0);
  }

  order(at: number, message: PackOrder): void {
    this.#handle(at, { kind: "send", message });
  }

  roll(at: number, half: DeviceHalf): void {
    this.#halves.push(half);
    this.#handle(at, { kind: "key-roll", packHalf: half.publicKey });
  }

  maxState(at: number, state: number): void {
    this.#handle(at, { kind: "max-state", state });
  }

  stop(): void {
    for (const { cancel } of this.#timers.values()) cancel();
  }

  #handle(at: number, event: PackLinkEvent): void {
    const link = this.#links.get(at);
    if (link === undefined) return;
    for (const effect of link.handle(event, this.#clock.now())) this.#carryOut(slot(at), effect);
    this.#arm(at, link);
  }

  #carryOut(at: Slot, effect: PackLinkEffect): void {
    if (effect.kind === "transmit") this.#scheduler.offer(effect.class, effect.frames);
    if (effect.kind === "session") this.sessions += 1;
    if (effect.kind === "alarm") this.rejected.push(effect.alarm.kind);
    if (effect.kind === "rolled") this.rolled.push(at);
    if (effect.kind === "outcome") {
      const { order, result } = effect;
      this.outcomes.push(`${order.kind} ${"reason" in result ? result.reason : result.kind}`);
    }
    if (effect.kind !== "message") return;
    if (effect.message.kind === "telemetry") {
      this.readings += 1;
      this.telemetry.set(at, effect.message);
      this.onReading(at, effect.message);
    }
    if (this.#keep) this.heard.push({ slot: at, at: this.#clock.now(), message: effect.message });
  }

  #arm(at: number, link: LocalPackLink): void {
    const { deadline } = link;
    const armed = this.#timers.get(at);
    if (deadline === undefined || (armed !== undefined && armed.time <= deadline)) return;
    armed?.cancel();
    const time = millis(Math.max(deadline, this.#clock.now() + 1));
    const cancel = this.#clock.at(time, () => {
      this.#timers.delete(at);
      this.#handle(at, { kind: "timer" });
    });
    this.#timers.set(at, { time, cancel });
  }
}
