import {
  type LogFields,
  millis,
  milliwattHours,
  moduleUid,
  silentLogger,
  slot,
} from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AUTHORITY,
  START,
  TestClock,
  TestPack,
  temporaryDirectory,
  WITNESS,
} from "../fleet.fixture.js";
import { SqliteStore } from "../store/sqlite/sqlite.js";
import { FederationWorker } from "./worker.js";

const MODULE = moduleUid("5701000000000001");
const MINUTE = 60_000;
const mwh = milliwattHours;

/** A pack's log with one module in it, whose counters tests choose. */
class MeteredPack {
  readonly pack: TestPack;
  #minutes = 0;
  #end: EntryBody<"energy.interval">["end"];
  #sent = 0;

  constructor(seed: string) {
    this.pack = new TestPack(seed);
  }

  get #time() {
    return millis(START + (this.#minutes + 1) * MINUTE);
  }

  pair(): this {
    const [moduleKey, packKey] = [new Uint8Array(32), new Uint8Array(32)];
    const body = { module: MODULE, slot: slot(1), bus: 0, moduleKey, packKey, capacity: mwh(0) };
    this.pack.append({ type: "link.paired", timeMs: this.#time, body });
    return this;
  }

  unpair(): this {
    const body = { module: MODULE, reason: "moved" };
    this.pack.append({ type: "link.unpaired", timeMs: this.#time, body });
    return this;
  }

  /** A minute in which the module's counter of energy in goes from one value to the other. */
  minute(from: number, to: number): this {
    const [t0, module] = [this.#time, MODULE];
    const start = { in: mwh(from), out: mwh(0), boot: 1 };
    const end = { ...start, in: mwh(to) };
    const last = this.#end;
    if (last !== undefined && last.in !== from) {
      const passed = { in: mwh(from - last.in), out: mwh(0) };
      const body = {
        module,
        t0,
        t1: t0,
        ...passed,
        start: last,
        end: start,
        reason: "away" as const,
      };
      this.pack.append({ type: "energy.gap", timeMs: t0, body });
    }
    this.#minutes += 1;
    this.#end = end;
    const passed = mwh(to - from);
    const record = { in: passed, out: mwh(0), integralIn: passed, integralOut: mwh(0), start, end };
    const extremes = {
      ...{ voltageLow: 24_000, voltageHigh: 24_000, currentLow: 32_768, currentHigh: 60_000 },
      ...{ temperatureLow: 8_000, temperatureHigh: 8_000, socStart: 100, socEnd: 100 },
    };
    const body = { module, t0, t1: this.#time, ...record, ...extremes, readings: 60 };
    const digest = new Uint8Array(32);
    this.pack.append({
      type: "energy.interval",
      timeMs: this.#time,
      body: { ...body, digest, verdict: "consistent" },
    });
    return this;
  }

  /** What has not been sent yet. */
  batch(): Uint8Array {
    const from = this.#sent;
    this.#sent = this.pack.size;
    return this.pack.batch(from);
  }
}

let directory: ReturnType<typeof temporaryDirectory>;
let store: SqliteStore;
let alarms: (LogFields | undefined)[];
let clock: TestClock;
let worker: FederationWorker;

async function open() {
  store = await SqliteStore.open(directory.path);
  clock = new TestClock();
  alarms = [];
  worker = await FederationWorker.start({
    store,
    witness: WITNESS,
    authorityKeys: [AUTHORITY.publicKey],
    clock,
    logger: {
      ...silentLogger,
      error: (event, fields) => {
        expect(event).toBe("federation.module-in-two-logs");
        alarms.push(fields);
      },
    },
    publish: () => {},
  });
}
async function close() {
  await worker.stop();
  await store.close();
}
async function give(...packs: readonly MeteredPack[]) {
  for (const metered of packs) {
    const { name } = metered.pack;
    worker.deliver({ pack: name, channel: "batch", payload: metered.batch(), settle: () => {} });
    await clock.advance(20);
  }
}

beforeEach(async () => {
  directory = temporaryDirectory();
  await open();
});
afterEach(async () => {
  await close();
  directory.remove();
});

describe("one module in two logs", () => {
  it("whose counters overlap is told once, whichever log comes first, and stays known", async () => {
    const a = new MeteredPack("a").pair().minute(0, 1_000).minute(1_000, 2_000);
    const b = new MeteredPack("b").pair().minute(1_500, 1_800);
    await give(a, b);
    expect(alarms).toEqual([expect.objectContaining({ module: MODULE, inMwh: 300, outMwh: 0 })]);
    const packs = [alarms[0]?.["pack"], alarms[0]?.["otherPack"]].toSorted();
    expect(packs).toEqual([a.pack.name, b.pack.name].toSorted());
    b.minute(1_800, 1_900);
    a.minute(2_000, 2_100);
    await give(a, b);
    expect(alarms).toHaveLength(1);
    expect(worker.stats.modulesTwice).toBe(1);

    await close();
    await open();
    b.minute(1_900, 2_000);
    await give(b);
    expect(alarms).toEqual([]);
    expect(worker.stats.modulesTwice).toBe(1);
    const [twice] = await store.modulesTwice("all");
    expect(twice).toMatchObject({ module: MODULE });
    const found = twice!.stays.map(({ pack, stay }) => [pack, stay.start.in, stay.end.in]);
    expect(found).toContainEqual([b.pack.name, 1_500, 1_800]);
    expect(found).toContainEqual([a.pack.name, 0, 2_000]);
  });

  it("that was moved, unpaired and counted on is no alarm; nor is its way back", async () => {
    const a = new MeteredPack("a").pair().minute(0, 1_000).unpair();
    const b = new MeteredPack("b").pair().minute(1_000, 2_000).unpair();
    await give(a, b);
    a.pair().minute(2_000, 3_000).unpair();
    await give(a);
    b.pair().minute(3_500, 4_000);
    await give(b);
    expect(alarms).toEqual([]);
    expect(worker.stats.modulesTwice).toBe(0);
  });

  it("that was never unpaired in the one while it counted in the other is an alarm", async () => {
    const a = new MeteredPack("a").pair().minute(0, 1_000);
    const b = new MeteredPack("b").pair().minute(1_000, 2_000);
    await give(a, b);
    expect(alarms).toEqual([]);
    a.minute(2_000, 2_500);
    await give(a);
    expect(alarms).toEqual([expect.objectContaining({ inMwh: 1_000 })]);
  });

  it("is found in logs that were stored before anyone looked", async () => {
    const a = new MeteredPack("a").pair().minute(0, 1_000);
    const b = new MeteredPack("b").pair().minute(500, 1_000);
    await give(a);
    await close();
    await open();
    await give(b);
    expect(alarms).toHaveLength(1);
  });
});
