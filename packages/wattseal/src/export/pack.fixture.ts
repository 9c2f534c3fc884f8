/** A state folder with a log in it, as a gateway would have left it: three days, a module, real keys. */
import { randomBytes } from "node:crypto";
import { type Millis, micros, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import {
  CURRENT_ZERO,
  type Entry,
  type EntryBody,
  type EntryType,
  encodeEntry,
  ModuleMeter,
} from "@wattseal/energy-ledger";
import { beginSoftwareEpoch, type Signer } from "@wattseal/lct-keys";
import { LogStore } from "@wattseal/tlog/store";
import { LogReplay } from "@wattseal/verifier";
import { readPackFiles } from "../roles/pack-files.js";
import { initDemo } from "../state/demo.js";
import { layoutOf } from "../state/layout.js";

const MINUTE = 60_000;
const DAY = 86_400_000;
const CAPACITY = milliwattHours(5_000_000);
const MODULE = moduleUid("5d01000000000001");
/** Midnight of the first day. */
export const FIRST_DAY = Date.UTC(2026, 10, 18);
const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

class PackWriter {
  now = FIRST_DAY + DAY - 3 * MINUTE;
  readonly replay: LogReplay;
  readonly log: LogStore;
  readonly #signer: Signer;
  readonly #meter = new ModuleMeter({
    module: MODULE,
    capacity: CAPACITY,
    authenticated: true,
    resume: undefined,
  });
  #in = 1_000;
  #out = 1_000;
  /** Of the reading before; undefined where nobody read. */
  #steps: number | undefined;
  #counter = 0;

  constructor(replay: LogReplay, log: LogStore, signer: Signer) {
    this.replay = replay;
    this.log = log;
    this.#signer = signer;
    this.#meter.session(new Uint8Array(32));
  }

  get time(): Millis {
    return millis(this.now);
  }

  async add<T extends EntryType>(type: T, body: EntryBody<T>): Promise<void> {
    const bytes = encodeEntry({ type, timeMs: this.time, body } as Entry);
    this.replay.append(bytes);
    await this.log.append([bytes]);
  }

  /** Energy that passes while nobody reads. */
  unseen(mwh: number): void {
    this.#out += mwh;
    this.#steps = undefined;
  }

  /** A minute at 350 V and this many steps of 0.02 A, read at 1 Hz, with its window and charge. */
  async minute(steps: number): Promise<void> {
    const done = [];
    for (let second = 0; second < 60; second += 1) {
      const counters = this.#count(steps);
      const time = micros((this.now + 1_000 * second) * 1_000);
      const power = { voltage: 23_333, current: CURRENT_ZERO + steps, soc: 150 };
      const pdu = { counter: this.#counter++, type: 1, body: Uint8Array.of(second) };
      const temperatures = { temperatureLow: 7_000, temperatureHigh: 7_100 };
      done.push(...this.#meter.accept({ time, ...power, ...temperatures, counters, ...pdu }));
    }
    this.now += MINUTE;
    for (const { type, body } of [...done, ...this.#meter.closeWindow(this.time)]) {
      await this.add(type, body as never);
    }
    const { fold } = this.replay;
    await this.add("energy.window", fold.nextWindow(this.time));
    const charge = fold.society.chargeFor(this.time, "charger");
    if (charge !== undefined) await this.add("society.charge", charge);
  }

  /** A second later: the counters move by the mean of then and now. */
  #count(steps: number) {
    const before = this.#steps;
    this.#steps = steps;
    const mwh = (sign: number) =>
      before === undefined
        ? 0
        : ((Math.max(0, sign * before) + Math.max(0, sign * steps)) * 23_333 * 0.0003) / 7.2;
    this.#in += mwh(1);
    this.#out += mwh(-1);
    const [whole, out] = [Math.floor(this.#in), Math.floor(this.#out)];
    return { in: milliwattHours(whole), out: milliwattHours(out), boot: 1 };
  }

  /** Signs what is there. */
  async sign(): Promise<void> {
    const { size } = this.#signer.lastSigned;
    const { durableSize } = this.log;
    const consistency = this.log.consistencyProof(size, durableSize);
    const root = this.log.root();
    for (const note of await this.#signer.sign({ size: durableSize, root, consistency })) {
      await this.log.writeHead(note);
    }
  }
}

export async function beginPack(root: string) {
  const layout = layoutOf(root);
  const clock = { now: () => millis(FIRST_DAY + DAY - 3 * MINUTE), at: () => () => {} };
  const demo = {
    layout,
    tpm: undefined,
    modules: 1,
    legacy: 0,
    fleet: "test",
    broker: "mqtt://127.0.0.1:1",
  };
  const document = await initDemo({ ...demo, entropy, clock });
  const { trust, statements } = await readPackFiles(layout);
  const log = await LogStore.open({ directory: layout.gateway.log });
  const replay = new LogReplay(trust);
  const first = {
    type: "lct.document",
    timeMs: clock.now(),
    body: { sign1: document.bytes },
  } as const;
  replay.append(encodeEntry(first));
  await log.append([encodeEntry(first)]);
  const signer = await beginSoftwareEpoch({
    directory: layout.gateway.signer,
    clock,
    entropy,
    document,
    softwareVersion: "0.1.0",
    synchronised: true,
    log: {
      size: 1,
      root: log.root(),
      lastCounter: 0,
      bootVersion: 0,
      consistencyProof: (from, to) => log.consistencyProof(from, to),
      head: undefined,
      receipt: undefined,
    },
  });
  const pack = new PackWriter(replay, log, signer);
  await pack.add("epoch.begin", { evidence: signer.epochEvidence });
  await pack.add("ops.clock", { sync: "synchronised", source: "test", step: 0 });
  const keys = { moduleKey: new Uint8Array(32).fill(1), packKey: new Uint8Array(32).fill(2) };
  await pack.add("link.paired", {
    module: MODULE,
    slot: slot(1),
    bus: 0,
    ...keys,
    capacity: CAPACITY,
  });
  for (const { type, body } of statements) await pack.add(type, body);
  return { pack, layout, document };
}

/** Two days that are complete and the beginning of a third, signed, and two entries that are not. */
export async function writtenPack(root: string) {
  const { pack, layout, document } = await beginPack(root);
  for (const steps of [2_000, -300, -200]) await pack.minute(steps);
  pack.now += 12 * 3_600_000;
  pack.unseen(777);
  for (const steps of [1_000, -100]) await pack.minute(steps);
  pack.now += DAY;
  pack.unseen(0);
  await pack.minute(-50);
  await pack.sign();
  const signed = pack.log.durableSize;
  const { totals } = pack.replay.fold;
  const summary = pack.replay.fold.summary();
  await pack.minute(-50);
  await pack.log.close();
  return { layout, document, signed, totals, summary };
}
