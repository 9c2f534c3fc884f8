// Both ends of one link, joined without a bus, so that only their own work is measured.
import { millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import {
  MODULE_STATE,
  MODULE_STATUS,
  ModuleLink,
  PackLink,
  withHalves,
} from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";
import { entropy } from "./pack.mjs";

const START = 1_760_000_000_000;
const STEP_MS = 200;
const LINKED_WITHIN = 100;
const UID = moduleUid("0102000000000001");
const AT = { slot: slot(1), busId: 0 };

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */

/** @param {boolean} fd */
export function connect(fd) {
  const pair = new LinkPair(fd);
  pair.handle("module", { kind: "open" });
  pair.handle("pack", { kind: "open" });
  for (let i = 0; !pair.linked; i += 1) {
    if (i === LINKED_WITHIN) throw new Error("the two ends of the link do not come together");
    pair.pass();
  }
  return pair;
}

class LinkPair {
  #now = START;
  #fd;
  #packHalf = DeviceHalf.generate(entropy);
  #moduleHalf = DeviceHalf.generate(entropy);
  #packHash = entropy.bytes(32);
  #pack;
  #module;

  /** @param {boolean} fd */
  constructor(fd) {
    this.#fd = fd;
    this.#pack = this.#newPack();
    this.#module = this.#newModule();
  }

  /** @returns {import("@wattseal/can-protocol").LocalPackLink} */
  #newPack() {
    const link = new PackLink({
      packHash: this.#packHash,
      module: { uid: UID, ...AT, half: this.#moduleHalf.publicKey },
      packHalf: this.#packHalf.publicKey,
      entropy,
      fd: this.#fd,
    });
    return withHalves(link, [this.#packHalf]);
  }

  #newModule() {
    const packHalf = this.#packHalf.publicKey;
    return new ModuleLink({
      uid: UID,
      pairing: { packHash: this.#packHash, packHalf, ...AT, fed: packHalf },
      custody: this.#moduleHalf,
      entropy,
      fd: this.#fd,
      bootedAt: millis(START),
      capabilities: 0,
    });
  }

  /** The pack's end. */
  get pack() {
    return this.#pack;
  }

  /** Both ends start anew, with the keys they have, and link. */
  again() {
    this.#pack = this.#newPack();
    this.#module = this.#newModule();
    this.handle("module", { kind: "open" });
    this.handle("pack", { kind: "open" });
    if (!this.linked) throw new Error("the two ends of the link do not come together");
  }

  get linked() {
    return this.#pack.status.linked && this.#module.status.linked;
  }

  /**
   * Gives one end an event, the other end the frames that come of it, and so on until both are quiet.
   *
   * @param {"pack" | "module"} end
   * @param {{ kind: "open" | "timer" }} event
   */
  handle(end, event) {
    /** @type {{ end: "pack" | "module", event: typeof event | { kind: "frame", frame: CanFrame } }[]} */
    const queue = [{ end, event }];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { end: at, event: what } = next;
      const link = at === "pack" ? this.#pack : this.#module;
      for (const effect of link.handle(what, millis(this.#now))) {
        if (effect.kind !== "transmit") continue;
        const other = at === "pack" ? "module" : "pack";
        for (const frame of effect.frames)
          queue.push({ end: other, event: { kind: "frame", frame } });
      }
    }
  }

  /** Lets time pass, as between two readings. */
  pass() {
    this.#now += STEP_MS;
    this.handle("pack", { kind: "timer" });
    this.handle("module", { kind: "timer" });
  }

  /**
   * The module's side of `count` readings: values in, frames out.
   *
   * @param {number} count
   */
  seal(count) {
    const now = millis(this.#now);
    /** @type {CanFrame[]} */
    const frames = [];
    for (let i = 0; i < count; i += 1) {
      const message = telemetry(this.#module.tick(now), i);
      for (const effect of this.#module.handle({ kind: "send", message }, now)) {
        if (effect.kind === "transmit") frames.push(...effect.frames);
      }
    }
    return frames;
  }

  /**
   * The pack's side: frames in, values out. Returns how many readings were accepted.
   *
   * @param {readonly CanFrame[]} frames
   */
  open(frames) {
    const now = millis(this.#now);
    let accepted = 0;
    for (const frame of frames) {
      for (const effect of this.#pack.handle({ kind: "frame", frame }, now)) {
        if (effect.kind === "message") accepted += 1;
      }
    }
    return accepted;
  }
}

/**
 * @param {number} tick
 * @param {number} i
 * @returns {import("@wattseal/can-protocol").Telemetry}
 */
function telemetry(tick, i) {
  return {
    kind: "telemetry",
    status1: {
      state: MODULE_STATE.on,
      status: MODULE_STATUS.normal,
      soc: 87.5,
      soh: 98,
      cells: 94,
      current: -42,
      voltage: 349.995,
    },
    status2: { cellLow: 3.711, cellHigh: 3.735, cellAverage: 3.723, cellTotal: 349.995 },
    status3: { low: 21.93, high: 24.5, average: 23 },
    inMwh: milliwattHours(1_000_000),
    outMwh: milliwattHours(2_000_000 + i),
    tick,
    boot: 1,
  };
}
