// Whatever the module bus and the pairing files can bring, thrown at every decoder behind them.
import { DecodeError, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import {
  ClearGuard,
  counterStatementOf,
  decodeClear,
  decodeModuleMessage,
  decodePackMessage,
  encodeClear,
  ModuleLink,
  PackLink,
  withHalves,
} from "@wattseal/can-protocol";
import {
  CounterStatementReader,
  compareLabel,
  DeviceHalf,
  decodeModulePairing,
  decodePackPairing,
  encodeModulePairing,
  encodePackPairing,
  labelText,
} from "@wattseal/device-keys";
import { Random } from "./fuzz/random.mjs";

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */
/** @typedef {import("@wattseal/can-protocol").LocalPackLink} PackEnd */
/** @typedef {{ name: string, weight: number, once: (random: Random) => void, after?: () => void }} Target */
/** @typedef {{ name: string, inputs: number, refused: number }} Tally */

const SLOT = slot(5);
const UID = moduleUid("0102000078563412");
const START = 1_760_000_000_000;
const CLASSES = /** @type {const} */ (["urgent", "normal", "bulk"]);

/**
 * Feeds `inputs` inputs, shared out over the decoders; throws, with the seed, on anything but a DecodeError, or
 * when a link end does not work any more afterwards.
 *
 * @param {number} inputs
 * @param {number} seed
 * @returns {readonly Tally[]}
 */
export function fuzzLink(inputs, seed) {
  const targets = targetsFrom(seed);
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  return targets.map(({ name, weight, once, after }, i) => {
    const random = new Random(seed + i * 7919);
    const count = Math.ceil((inputs * weight) / weights);
    let refused = 0;
    for (let n = 0; n < count; n += 1) {
      try {
        once(random);
      } catch (cause) {
        if (!(cause instanceof DecodeError)) {
          throw new Error(`${name}, seed ${seed}, input ${n}: ${cause}`, { cause });
        }
        refused += 1;
      }
    }
    after?.();
    return { name, inputs: count, refused };
  });
}

/**
 * @param {number} seed
 * @returns {readonly Target[]}
 */
function targetsFrom(seed) {
  const entropy = new Random(seed + 1);
  const source = { bytes: (/** @type {number} */ length) => entropy.bytes(length) };
  const packHalf = DeviceHalf.generate(source);
  const moduleHalf = DeviceHalf.generate(source);
  const pairing = { packHash: new Uint8Array(32), slot: SLOT, busId: 0, fed: packHalf.publicKey };
  const modulePairing = encodeModulePairing({ ...pairing, packHalf: packHalf.publicKey });
  const packPairing = encodePackPairing({
    packHash: pairing.packHash,
    packHalf: { reference: "file", publicKey: packHalf.publicKey },
    modules: [
      {
        uid: UID,
        slot: SLOT,
        busId: 0,
        half: moduleHalf.publicKey,
        label: labelText(UID, moduleHalf.publicKey),
        ratedCapacity: milliwattHours(1),
        ratedWatts: 1,
      },
    ],
  });
  const reading = {
    uid: UID,
    boot: 1,
    tick: 2,
    inMwh: milliwattHours(3),
    outMwh: milliwattHours(4),
  };
  const statement = counterStatementOf(reading, moduleHalf, packHalf.publicKey);
  const reader = new CounterStatementReader(packHalf, moduleHalf.publicKey);
  const guard = new ClearGuard([{ uid: UID, slot: SLOT }]);
  const status = encodeClear("timeRequest", {}, { address: 5 });
  const label = labelText(UID, moduleHalf.publicKey);
  const bodies = [42, 8, 10, 8, 11, 4, 1028, 58, 4, 6, 5, 7];
  return [
    ...linkTargets(source, packHalf, moduleHalf),
    {
      name: "clear frames",
      weight: 4,
      once: (random) => {
        const frame = clearFrame(random, status);
        guard.frame(frame, millis(random.below(2 ** 31)));
        decodeClear(frame);
      },
    },
    {
      name: "bodies of modules",
      weight: 4,
      once: (random) => {
        const body = random.bytes(bodies[random.below(bodies.length)] ?? 0);
        decodeModuleMessage(CLASSES[random.below(3)] ?? "bulk", random.below(18), body);
      },
    },
    {
      name: "bodies of packs",
      weight: 4,
      once: (random) => {
        const body = random.bytes(bodies[random.below(bodies.length)] ?? 0);
        decodePackMessage(CLASSES[random.below(3)] ?? "bulk", random.below(18), body);
      },
    },
    {
      name: "module pairings",
      weight: 1,
      once: (random) => void decodeModulePairing(random.changed(modulePairing)),
    },
    {
      name: "pack pairings",
      weight: 1,
      once: (random) => void decodePackPairing(random.changed(packPairing)),
    },
    {
      name: "labels",
      weight: 1,
      once: (random) => {
        const typed = String.fromCharCode(...random.changed(new TextEncoder().encode(label)));
        compareLabel(typed, UID, moduleHalf.publicKey);
      },
    },
    {
      name: "counter statements",
      weight: 0.05,
      once: (random) => {
        const bytes = random.changed(new Uint8Array([...new Uint8Array(26), ...statement.mac]));
        reader.read(bytes);
      },
    },
  ];
}

/**
 * @param {Random} random
 * @param {CanFrame} genuine
 * @returns {CanFrame}
 */
function clearFrame(random, genuine) {
  const id = ((0x4f8 + random.below(0x30)) << 18) | random.below(1 << 18);
  const flipped = genuine.id ^ (1 << random.below(29));
  const data = random.bytes(random.below(9));
  return { id: random.below(4) === 0 ? flipped : id, data, fd: false };
}

/** A live link, whose two ends hear each other when asked to, and strangers otherwise. */
class LiveLink {
  /** @type {CanFrame[]} */
  wire = [];
  pack;
  module;
  now = START;
  #accepted = 0;
  /** @type {{ end: PackEnd | ModuleLink, frame: CanFrame }[]} */
  #onTheWay = [];

  /**
   * @param {import("@wattseal/base").Entropy} entropy
   * @param {DeviceHalf} packHalf
   * @param {DeviceHalf} moduleHalf
   */
  constructor(entropy, packHalf, moduleHalf) {
    const at = { slot: SLOT, busId: 0 };
    const packHash = new Uint8Array(32);
    const link = new PackLink({
      packHash,
      module: { uid: UID, ...at, half: moduleHalf.publicKey },
      packHalf: packHalf.publicKey,
      entropy,
      fd: false,
    });
    this.pack = withHalves(link, [packHalf]);
    this.module = new ModuleLink({
      uid: UID,
      pairing: { packHash, packHalf: packHalf.publicKey, ...at, fed: packHash },
      custody: moduleHalf,
      entropy,
      fd: false,
      bootedAt: millis(START),
      capabilities: 31,
    });
    this.#handle(this.pack, { kind: "open" });
    this.#handle(this.module, { kind: "open" });
    this.pass(10_000);
  }

  /**
   * Lets time pass without a stranger on the bus. Returns how many messages the ends took from each other.
   *
   * @param {number} ms
   */
  pass(ms) {
    const before = this.#accepted;
    for (const until = this.now + ms; this.now < until; this.now += 100) {
      this.#handle(this.pack, { kind: "timer" });
      this.#handle(this.module, { kind: "timer" });
      for (let next = this.#onTheWay.shift(); next !== undefined; next = this.#onTheWay.shift()) {
        this.#handle(next.end, { kind: "frame", frame: next.frame });
      }
    }
    return this.#accepted - before;
  }

  /**
   * @param {PackEnd | ModuleLink} end
   * @param {{ kind: "open" | "timer" } | { kind: "frame", frame: CanFrame }} event
   */
  #handle(end, event) {
    const peer = end === this.pack ? this.module : this.pack;
    for (const effect of end.handle(event, millis(this.now))) {
      if (effect.kind === "message") this.#accepted += 1;
      if (effect.kind !== "transmit") continue;
      for (const frame of effect.frames) this.#onTheWay.push({ end: peer, frame });
      if (this.wire.length < 512) this.wire.push(...effect.frames);
    }
  }
}

/**
 * Both ends of a live link: frames anew, and frames of its own changed in identifier or data.
 *
 * @param {import("@wattseal/base").Entropy} entropy
 * @param {DeviceHalf} packHalf
 * @param {DeviceHalf} moduleHalf
 * @returns {readonly Target[]}
 */
function linkTargets(entropy, packHalf, moduleHalf) {
  const live = new LiveLink(entropy, packHalf, moduleHalf);
  /** @param {PackEnd | ModuleLink} end */
  const target = (end) => (/** @type {Random} */ random) => {
    live.now += random.below(64) === 0 ? 1 : 0;
    end.handle({ kind: "frame", frame: linkFrame(random, live.wire) }, millis(live.now));
  };
  const after = () => {
    if (live.pass(150_000) === 0) throw new Error("the link does not work any more");
  };
  return [
    { name: "frames at the pack's end", weight: 5, once: target(live.pack), after },
    { name: "frames at the module's end", weight: 5, once: target(live.module), after },
  ];
}

/**
 * @param {Random} random
 * @param {readonly CanFrame[]} wire
 * @returns {CanFrame}
 */
function linkFrame(random, wire) {
  const old = wire[random.below(wire.length)];
  const kind = random.below(4);
  if (old === undefined || kind === 0) {
    const id = ((0x62f + random.below(10)) << 18) | (random.below(1024) << 8) | SLOT;
    const fd = random.below(4) === 0;
    return { id, data: random.bytes(random.below(fd ? 65 : 9)), fd };
  }
  if (kind === 1) return { ...old, id: old.id ^ (1 << random.below(29)) };
  return { ...old, data: kind === 2 ? random.changed(old.data) : old.data };
}
