// A simulated pack with the bare minimum at the pack's end: links and heartbeats, no log, no ledger.
import { setTimeout } from "node:timers/promises";
import { millis, slot } from "@wattseal/base";
import {
  FrameScheduler,
  frameNanos,
  isSecured,
  MODULE_STATE,
  PackLink,
  slotOf,
  withHalves,
} from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";
import { provisionModules, startSimulator } from "@wattseal/sim-hardware";
import { entropy } from "./pack.mjs";

const START = 1_760_000_000_000;
const BUS_ID = 0;

/** @typedef {{ now(): number, sleep(ms: number): Promise<void> }} Wall */
/** @type {Wall} */
const wall = {
  now: () => performance.now(),
  sleep: (ms) => setTimeout(ms),
};

/**
 * Modules, and the halves of the pack that they are paired with.
 *
 * @param {number} count
 */
export function pairedModules(count) {
  const half = DeviceHalf.generate(entropy);
  const packHash = entropy.bytes(32);
  const modules = provisionModules(count, entropy).map(({ uid, half: moduleHalf }, i) => ({
    uid,
    half: moduleHalf,
    pairing: {
      packHash,
      packHalf: half.publicKey,
      slot: slot(i + 1),
      busId: BUS_ID,
      fed: half.publicKey,
    },
  }));
  return { half, packHash, modules };
}

/**
 * What the pack's end knows of them, in the order of their slots.
 *
 * @typedef {object} Pack
 * @property {DeviceHalf} half
 * @property {Uint8Array} packHash
 * @property {readonly { uid: import("@wattseal/base").ModuleUid, half: { publicKey: Uint8Array } }[]} modules
 */

/**
 * @param {ReturnType<typeof pairedModules>} pack
 * @param {boolean} fd
 */
export async function simulate(pack, fd) {
  const simulator = await startSimulator({
    modules: pack.modules,
    drive: { kind: "demo" },
    entropy,
    wall,
    startTime: millis(START),
    fd,
  });
  let wireNanos = 0;
  simulator.bus.tap((frame) => {
    wireNanos += frameNanos(frame, simulator.bus.info);
  });
  return {
    simulator,
    /** Wall seconds that `seconds` simulated ones take, and how long the wire was busy in them. */
    run: async (/** @type {number} */ seconds) => {
      const from = { wall: performance.now(), wireNanos };
      await simulator.run({ until: millis(simulator.kernel.now() + seconds * 1000) });
      return {
        wallSeconds: (performance.now() - from.wall) / 1000,
        wireSeconds: (wireNanos - from.wireNanos) / 1e9,
      };
    },
  };
}

/** The pack's end of every link, on one controller. */
export class PackEnd {
  readings = 0;
  #links = new Map();
  /** @type {Map<number, { time: number, cancel: () => void }>} */
  #timers = new Map();
  #clock;
  #scheduler;

  /**
   * @param {import("@wattseal/can-protocol").CanBus} bus
   * @param {import("@wattseal/base").Clock} clock
   * @param {Pack} pack
   * @param {boolean} fd
   */
  constructor(bus, clock, { half, packHash, modules }, fd) {
    this.#clock = clock;
    this.#scheduler = new FrameScheduler(bus);
    bus.listen({
      frame: (frame) => {
        if (isSecured(frame.id)) this.#handle(slotOf(frame.id), { kind: "frame", frame });
      },
      sent: (frame) => this.#scheduler.sent(frame),
      error: () => {},
      state: (state) => this.#scheduler.state(state),
    });
    modules.forEach((module, i) => {
      const link = new PackLink({
        packHash,
        module: { uid: module.uid, slot: slot(i + 1), busId: BUS_ID, half: module.half.publicKey },
        packHalf: half.publicKey,
        entropy,
        fd,
        maxState: MODULE_STATE.on,
      });
      this.#links.set(i + 1, withHalves(link, [half]));
    });
    for (const at of this.#links.keys()) this.#handle(at, { kind: "open" });
  }

  get linked() {
    return [...this.#links.values()].every(({ status }) => status.linked);
  }

  /**
   * @param {number} at
   * @param {import("@wattseal/can-protocol").PackLinkEvent} event
   */
  #handle(at, event) {
    /** @type {import("@wattseal/can-protocol").LocalPackLink | undefined} */
    const link = this.#links.get(at);
    if (link === undefined) return;
    for (const effect of link.handle(event, this.#clock.now())) {
      if (effect.kind === "transmit") this.#scheduler.offer(effect.class, effect.frames);
      if (effect.kind === "message" && effect.message.kind === "telemetry") this.readings += 1;
    }
    this.#arm(at, link.deadline);
  }

  /**
   * @param {number} at
   * @param {import("@wattseal/base").Millis | undefined} deadline
   */
  #arm(at, deadline) {
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
