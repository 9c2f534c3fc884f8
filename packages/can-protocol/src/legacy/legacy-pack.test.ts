import { moduleUid, slot } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { LegacyPack, MODULE_STATE } from "../index.js";
import {
  A,
  Answers,
  at,
  B,
  identity,
  PAIRED,
  PackBench,
  STATUS_1,
  STATUS_2,
  STATUS_3,
  together,
} from "./legacy-pack.fixture.js";

/** A pack with these modules registered and polled for a while. */
function running(
  modules: readonly Answers[] = [new Answers(A)],
  options: ConstructorParameters<typeof PackBench>[0] = {},
) {
  const bench = new PackBench({
    modules: modules.map(({ uid }) => ({ uid: moduleUid(uid) })),
    ...options,
  });
  bench.answer = together(...modules);
  bench.do({ kind: "open" });
  bench.run(1000);
  return bench;
}

describe("registration", () => {
  it("sends away what an earlier controller left, and asks for announcements every 10 s", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    bench.run(30_000);
    expect(bench.sent("allIsolate")).toHaveLength(1);
    expect(bench.sent("allDeregister").map((sent) => sent.at)).toEqual([0]);
    expect(bench.sent("announceRequest").map((sent) => sent.at)).toEqual([0, 10e3, 20e3, 30e3]);
    expect(bench.sent("maxState")).toEqual([]);
  });

  it("gives the lowest id that no paired module has, and asks for hardware", () => {
    const bench = running([new Answers(A), new Answers(B)]);
    expect(bench.sent("register").map(({ values }) => values)).toEqual([
      { id: 2, controller: 1, ...identity(A) },
      { id: 3, controller: 1, ...identity(B) },
    ]);
    expect(bench.of("hardware").map(({ uid, slot: id }) => [uid, id])).toEqual([
      [A, 2],
      [B, 3],
    ]);
    expect(bench.events()).toEqual(["registered", "registered"]);
    expect(bench.pack.modules).toEqual([
      expect.objectContaining({ uid: A, phase: "active", slot: 2, state: 0 }),
      expect.objectContaining({ uid: B, phase: "active", slot: 3 }),
    ]);
  });

  it("repeats a registration that nothing was heard after, then waits for another announcement", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    bench.hear("announce", { fw: 1, ...identity(A) });
    bench.run(9000);
    expect(bench.sent("register").map((sent) => sent.at)).toEqual([0, 1000, 2000]);
    expect(bench.events()).toEqual(["deregistered"]);
    expect(bench.pack.modules[0]).toMatchObject({ phase: "absent", slot: undefined });
  });

  it("alarms on a module that is not listed, and does not register it", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    bench.hear("announce", { fw: 1, ...identity(B) });
    bench.hear("announce", { fw: 1, ...identity(B) });
    bench.run(10_000);
    bench.hear("announce", { fw: 1, ...identity(B) });
    expect(bench.sent("register")).toEqual([]);
    expect(bench.of("alarm").map(({ alarm }) => alarm)).toEqual([
      { kind: "clear-foreign", base: 0x500, uid: B, slot: undefined, suppressed: 0 },
      { kind: "clear-foreign", base: 0x500, uid: B, slot: undefined, suppressed: 0 },
    ]);
  });

  it("counts every alarm in one that is told, also when the frames or the pack stop", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    const forge = () => bench.hear("status1", STATUS_1, { address: PAIRED.slot });
    const told = () => bench.of("alarm").map(({ alarm }) => alarm.suppressed);
    for (let n = 0; n < 20; n += 1) forge();
    expect(told()).toEqual([0]);
    bench.run(10_000);
    expect(told()).toEqual([0, 18]);
    for (let n = 0; n < 3; n += 1) forge();
    bench.do({ kind: "bus", state: "bus-off" });
    bench.run(10_000);
    expect(told()).toEqual([0, 18, 2]);
    bench.do({ kind: "bus", state: "active" });
    for (let n = 0; n < 4; n += 1) forge();
    bench.do({ kind: "close" });
    expect(told()).toEqual([0, 18, 2, 3]);
    expect(bench.pack.deadline).toBeUndefined();
  });

  it("sends away whoever holds an id that we did not give, and does not give it meanwhile", () => {
    const bench = new PackBench();
    bench.do({ kind: "open" });
    bench.forget();
    bench.hear("status1", STATUS_1, { address: 2 });
    bench.hear("status1", STATUS_1, { address: 2 });
    expect(bench.sent("deregister").map(({ values }) => values)).toEqual([
      { id: 2, controller: 1 },
    ]);
    expect(bench.of("alarm")).toHaveLength(1);
    bench.hear("announce", { fw: 1, ...identity(A) });
    expect(bench.sent("register")[0]?.values.id).toBe(3);
  });

  it("registers a module that has restarted under its old id, and forgets what it said", () => {
    const bench = running();
    bench.run(500);
    bench.forget();
    bench.hear("announce", { fw: 2, ...identity(A) });
    expect(bench.sent("register")[0]?.values.id).toBe(2);
    expect(bench.pack.modules[0]).toMatchObject({ phase: "registering", state: undefined });
    bench.run(200);
    expect(bench.events()).toEqual(["deregistered", "registered"]);
  });

  it("says when all ids are taken", () => {
    const secured = Array.from({ length: 30 }, (_, i) => ({
      uid: moduleUid(`57010000000000${(i + 10).toString(16).padStart(2, "0")}`),
      slot: slot(i + 1),
    }));
    const bench = new PackBench({ secured });
    bench.do({ kind: "open" });
    bench.hear("status1", STATUS_1, { address: 31 });
    bench.hear("announce", { fw: 1, ...identity(A) });
    expect(bench.events()).toEqual(["no-slot"]);
    bench.run(12_001);
    bench.hear("announce", { fw: 1, ...identity(A) });
    expect(bench.sent("register")[0]?.values.id).toBe(31);
  });

  it("refuses a list with a paired module, one twice, one too many, or one that cannot announce itself", () => {
    const make = (...uids: string[]) =>
      new LegacyPack({ modules: uids.map((uid) => ({ uid: moduleUid(uid) })), secured: [PAIRED] });
    const many = Array.from({ length: 31 }, (_, i) => `0a0b0000000000${(i + 16).toString(16)}`);
    for (const [uids, problem] of [
      [[PAIRED.uid], /is paired/],
      [[A, A], /twice/],
      [many, /31 ids/],
      [["0a0b010011223344"], /third and fourth/],
    ] as const) {
      expect(() => make(...uids)).toThrow(problem);
      expect(() => make(...uids)).toThrow(expect.objectContaining({ code: "legacy-modules" }));
    }
  });
});

describe("a paired module", () => {
  it("is neither registered nor read in clear, whoever speaks in its name", () => {
    const bench = running();
    bench.forget();
    bench.hear("announce", { fw: 1, ...identity(PAIRED.uid) });
    bench.hear("status1", STATUS_1, { address: PAIRED.slot });
    bench.hear("statusRequest", { id: 1 }, { address: PAIRED.slot });
    bench.run(1000);
    expect(bench.of("alarm").map(({ alarm }) => alarm)).toEqual([
      { kind: "clear-paired-uid", uid: PAIRED.uid, base: 0x500, suppressed: 0 },
      { kind: "clear-paired-slot", slot: 1, base: 0x502, suppressed: 0 },
    ]);
    expect(bench.sent("register")).toEqual([]);
    const addresses = bench.of("transmit").map(({ frame }) => frame.id & 0xff);
    expect(addresses).not.toContain(PAIRED.slot);
  });

  it("alarms on what only a pack controller sends, and on malformed frames", () => {
    const bench = running();
    bench.hear("maxState", { max: 3 });
    bench.hear("allIsolate", { controller: 1 });
    bench.do({ kind: "frame", frame: { id: 0x14080002, data: new Uint8Array(7), fd: false } });
    expect(bench.of("alarm").map(({ alarm }) => alarm.kind)).toEqual([
      "clear-controller",
      "clear-malformed",
    ]);
  });
});

describe("polling", () => {
  it("asks one module each 100 ms in turn, and puts its three answers together", () => {
    const bench = running([new Answers(A), new Answers(B)]);
    bench.forget();
    bench.run(1000);
    const asked = bench.sent("statusRequest");
    expect(asked.map(({ values }) => values.id)).toEqual([2, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
    expect(asked.every(({ dlc }) => dlc === 1)).toBe(true);
    expect(asked.slice(1).map((sent, i) => sent.at - asked[i]!.at)).toEqual(Array(9).fill(100));
    const readings = bench.of("reading");
    expect(readings).toHaveLength(10);
    expect(readings[0]).toMatchObject({
      authenticated: false,
      status1: STATUS_1,
      status2: STATUS_2,
      status3: STATUS_3,
      notTold: [],
    });
    expect(readings[0]!.body).toHaveLength(24);
  });

  it("waits 2 s for a status, and then makes do with what there is", () => {
    const bench = running();
    bench.answer = () => [];
    bench.run(100);
    bench.forget();
    bench.hear("status1", { ...STATUS_1, current: 10 }, { address: 2 });
    const heard = bench.now;
    bench.run(2200);
    expect(bench.of("reading")).toEqual([
      expect.objectContaining({ at: heard, status2: STATUS_2, status3: STATUS_3 }),
    ]);
    expect(bench.of("reading")[0]!.status1.current).toBe(10);
    expect(bench.events()).toEqual(["status-late"]);
    expect(bench.sent("statusRequest")).toHaveLength(1);
  });

  it("sends the heartbeat with the highest state each 200 ms while a module is registered", () => {
    const bench = running([new Answers(A)], { maxState: MODULE_STATE.standby });
    bench.forget();
    bench.run(1000);
    expect(bench.sent("maxState").map(({ values }) => values.max)).toEqual([1, 1, 1, 1, 1]);
    bench.do({ kind: "max-state", state: MODULE_STATE.on });
    expect(bench.sent("maxState").at(-1)?.values.max).toBe(3);
  });

  it("tells the time when asked, once a second at most, and as valid only when it is", () => {
    const bench = running([new Answers(A)], { timeValid: true });
    bench.now = at(5000);
    bench.hear("timeRequest", {}, { address: 2 });
    bench.hear("timeRequest", {}, { address: 2 });
    expect(bench.sent("setTime").map(({ values }) => values)).toEqual([
      { time: at(5000) / 1000, rtcValid: 1 },
    ]);
    const unsure = running();
    unsure.do({ kind: "time" });
    expect(unsure.sent("setTime")[0]?.values.rtcValid).toBe(0);
  });
});

describe("broken values", () => {
  it("reads zero status, SOC and SOH as not told, and goes on", () => {
    const module = new Answers(A);
    module.state = 3;
    module.status1 = { ...STATUS_1, status: 0, soc: 0, soh: 0 };
    const bench = running([module], { maxState: 3 });
    expect(bench.of("reading")[0]?.notTold).toEqual(["status", "soc", "soh"]);
    module.status1 = { ...STATUS_1, soc: 0 };
    bench.forget();
    bench.run(200);
    expect(bench.of("reading")[0]?.notTold).toEqual([]);
  });

  it("reads current before voltage, as firmware sends them, and says when a module looks like the other order", () => {
    const module = new Answers(A);
    // 350 V where the current belongs, 10 A where the voltage belongs.
    module.status1 = { ...STATUS_1, current: (23_333 - 32_768) * 0.02, voltage: 33_268 * 0.015 };
    const bench = running([module]);
    expect(bench.events().filter((kind) => kind === "looks-swapped")).toHaveLength(1);
    expect(bench.of("reading")[0]!.status1.voltage).toBeCloseTo(499.02, 6);
    const again = new Answers(A);
    again.status1 = module.status1;
    const known = running([again], { modules: [{ uid: A, quirks: { swapped: true } }] });
    expect(known.events()).not.toContain("looks-swapped");
    expect(known.of("reading")[0]!.status1).toMatchObject({ voltage: 349.995, current: 10 });
  });
});

describe("state orders", () => {
  it("tries 4 bytes and 2 in turn, a second apart, and keeps to what worked", () => {
    const module = new Answers(A);
    const bench = running([module], { maxState: MODULE_STATE.on });
    bench.forget();
    bench.do({ kind: "order", uid: A, state: MODULE_STATE.on, hvBusVoltage: 350.1 });
    bench.run(3000);
    expect(bench.sent("stateChange").map(({ dlc, values }) => [dlc, values.state])).toEqual([
      [4, 3],
      [2, 3],
    ]);
    const [first, second] = bench.sent("stateChange");
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(1000);
    expect(first!.values.hvBusVoltage).toBe(350.1);
    expect(bench.of("event").map(({ event }) => event)).toContainEqual({
      kind: "state-reached",
      uid: A,
      state: 3,
    });
    bench.do({ kind: "order", uid: A, state: MODULE_STATE.standby });
    bench.run(1500);
    expect(
      bench
        .sent("stateChange")
        .slice(2)
        .map(({ dlc }) => dlc),
    ).toEqual([2]);
    expect(module.state).toBe(MODULE_STATE.standby);
  });

  it("keeps to a quirk, goes on without end, and reports once", () => {
    const module = new Answers(A);
    const bench = running([module], {
      maxState: MODULE_STATE.on,
      modules: [{ uid: A, quirks: { stateChangeBytes: 4 } }],
    });
    bench.do({ kind: "order", uid: A, state: MODULE_STATE.on });
    bench.run(12_000);
    const sent = bench.sent("stateChange");
    expect(sent.length).toBeGreaterThan(8);
    expect(new Set(sent.map(({ dlc }) => dlc))).toEqual(new Set([4]));
    expect(bench.events().filter((kind) => kind === "state-unreached")).toHaveLength(1);
  });

  it("never orders more than the highest state granted, and isolates all at once", () => {
    const module = new Answers(A);
    const bench = running([module], { maxState: MODULE_STATE.on });
    bench.do({ kind: "order", uid: A, state: MODULE_STATE.on });
    bench.run(3000);
    expect(module.state).toBe(MODULE_STATE.on);
    bench.forget();
    bench.do({ kind: "isolate" });
    expect(bench.sent("allIsolate")).toHaveLength(1);
    expect(bench.sent("maxState").map(({ values }) => values.max)).toEqual([0]);
    bench.run(1500);
    expect(module.state).toBe(MODULE_STATE.off);
  });

  it("refuses states and modules that are none", () => {
    const bench = running();
    expect(() => bench.do({ kind: "order", uid: A, state: 4 })).toThrow(/state/);
    expect(() => bench.do({ kind: "order", uid: B, state: 1 })).toThrow(/not listed/);
    expect(() => bench.do({ kind: "order", uid: A, state: 1, hvBusVoltage: -1 })).toThrow();
  });
});

describe("silence", () => {
  it("orders Off with a comms fault after 4 s, deregisters after the third strike, and registers anew", () => {
    const module = new Answers(A);
    const bench = running([module], { maxState: MODULE_STATE.on });
    bench.do({ kind: "order", uid: A, state: MODULE_STATE.on });
    bench.run(3000);
    bench.forget();
    module.silent = true;
    bench.run(4200);
    expect(bench.of("event").map(({ event }) => event)).toContainEqual({
      kind: "comms-fault",
      uid: A,
      strikes: 1,
    });
    expect(bench.sent("stateChange").map(({ values }) => values.state)).toContain(0);
    bench.run(8200);
    expect(bench.events().filter((kind) => kind === "comms-fault")).toHaveLength(2);
    expect(bench.sent("deregister")).toHaveLength(1);
    expect(bench.of("event").at(-1)?.event).toEqual({
      kind: "deregistered",
      uid: A,
      reason: "silent",
    });
    module.silent = false;
    module.address = undefined;
    bench.run(11_000);
    expect(bench.pack.modules[0]).toMatchObject({ phase: "active", slot: 2, state: 3 });
  });

  it("is forgiven when the module is heard again in time", () => {
    const module = new Answers(A);
    const bench = running([module]);
    module.silent = true;
    bench.run(4500);
    module.silent = false;
    bench.run(3000);
    expect(bench.events()).toContain("comms-restored");
    expect(bench.pack.modules[0]?.phase).toBe("active");
  });

  it("of our own, off the bus, counts for nothing", () => {
    const bench = running();
    bench.do({ kind: "bus", state: "bus-off" });
    expect(bench.pack.deadline).toBeUndefined();
    bench.now += 60_000;
    bench.forget();
    bench.do({ kind: "bus", state: "active" });
    bench.run(1000);
    expect(bench.events()).toEqual([]);
    expect(bench.of("reading").length).toBeGreaterThan(5);
  });
});

describe("deregistration by order", () => {
  it("lasts until the module is admitted again", () => {
    const module = new Answers(A);
    const bench = running([module]);
    bench.do({ kind: "deregister", uid: A });
    bench.run(15_000);
    expect(bench.pack.modules[0]?.phase).toBe("dismissed");
    bench.do({ kind: "admit", uid: A });
    bench.run(10_500);
    expect(bench.pack.modules[0]?.phase).toBe("active");
  });

  it("of all is one broadcast, and each is told to go", () => {
    const bench = running([new Answers(A), new Answers(B)]);
    bench.forget();
    bench.do({ kind: "deregister" });
    expect(bench.sent("allDeregister")).toHaveLength(1);
    expect(bench.events()).toEqual(["deregistered", "deregistered"]);
    bench.run(5000);
    expect(bench.sent("maxState")).toEqual([]);
  });

  it("does not come with closing: the pack falls silent", () => {
    const bench = running();
    bench.forget();
    bench.do({ kind: "close" });
    bench.run(20_000);
    expect(bench.of("transmit")).toEqual([]);
    expect(bench.events()).toEqual(["deregistered"]);
    expect(bench.hear("status1", STATUS_1, { address: 2 })).toEqual([]);
  });
});
