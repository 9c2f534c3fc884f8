import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ModuleUid, millis, moduleUid } from "@wattseal/base";
import {
  type CanFrame,
  CLEAR_FRAMES,
  decodeClear,
  encodeClear,
  exportDbc,
  LAST_LOG_FRAME,
  type LegacyModule,
  type LegacyQuirks,
  MODULE_STATE,
} from "@wattseal/can-protocol";
import { Can, Dbc } from "candied";
import { describe, expect, it, onTestFinished } from "vitest";
import { PackSide, pairedPack } from "../pack-side.fixture.js";
import { startSimulator } from "../simulator.js";
import { START, seededEntropy, temporaryDirectory, VirtualWall } from "../testing.fixture.js";
import { provisionLegacyModules, readLegacyModules, writeLegacyModules } from "./legacy-file.js";
import { logFrameBytes } from "./log-frames.js";
import { LegacyPackEnd } from "./pack-end.fixture.js";
import type { SimLegacyModule, SimLegacyQuirks } from "./quirks.js";

/** Low bytes 0x14 and 0x32: announcements after 2 and 5 ticks. */
const X = moduleUid("5702000014000000");
const Y = moduleUid("5702000032000000");

async function busWith(
  legacyModules: readonly SimLegacyModule[],
  options: { readonly paired?: number; readonly quirks?: LegacyQuirks } = {},
) {
  const entropy = seededEntropy("legacy");
  const pack = pairedPack(options.paired ?? 1, entropy);
  const simulator = await startSimulator({
    modules: pack.modules,
    legacyModules,
    drive: { kind: "demo" },
    entropy,
    wall: new VirtualWall(),
    startTime: START,
    shunt: true,
  });
  onTestFinished(() => simulator.stop());
  const secured = pack.modules.flatMap(({ uid, pairing }) =>
    pairing === undefined ? [] : [{ uid, slot: pairing.slot }],
  );
  const listed: LegacyModule[] = legacyModules.map(({ uid }) =>
    options.quirks === undefined ? { uid } : { uid, quirks: options.quirks },
  );
  const join = () =>
    new LegacyPackEnd(simulator.bus.attach({ name: "clear", mailboxes: 2 }), simulator.kernel, {
      modules: listed,
      secured,
      maxState: MODULE_STATE.on,
      timeValid: true,
    });
  const run = (seconds: number) =>
    simulator.run({ until: millis(simulator.kernel.now() + 1000 * seconds) });
  return { simulator, pack, entropy, join, run };
}

const withQuirks = (quirks: SimLegacyQuirks): SimLegacyModule[] => [{ uid: X, quirks }];

describe("clear-text modules", () => {
  it("register beside paired ones, are polled, told the time, and carry the pack's current", async () => {
    const { simulator, pack, entropy, join, run } = await busWith([{ uid: X }, { uid: Y }]);
    const bus = simulator.bus.attach({ name: "pack", mailboxes: 8 });
    const { kernel } = simulator;
    const paired = new PackSide({
      bus,
      clock: kernel,
      entropy,
      pack,
      fd: false,
      maxState: MODULE_STATE.on,
    });
    const end = join();
    for (const uid of [X, Y]) end.do({ kind: "order", uid, state: MODULE_STATE.on });
    await run(60);
    expect(simulator.legacyModules.map(({ address, state }) => [address, state])).toEqual([
      [2, MODULE_STATE.on],
      [3, MODULE_STATE.on],
    ]);
    expect(paired.sessions).toBe(1);
    expect(paired.rejected).toEqual([]);
    for (const uid of [X, Y]) {
      const readings = end.of("reading", uid);
      // Each is asked every 200 ms.
      expect(readings.length).toBeGreaterThan(280);
      expect(readings.at(-1)!.status1.current).toBeGreaterThan(5);
      expect(readings.at(-1)!.notTold).toEqual([]);
      expect(end.of("hardware", uid)).toHaveLength(1);
    }
    expect(simulator.legacyModules[0]!.energyIn).toBeGreaterThan(30_000);
    expect(simulator.legacyModules[0]!.toldTime).toBe(Math.floor(START / 1000));
    expect(end.of("alarm")).toEqual([]);
  });

  it("announce themselves (unique id & 0xFF) / 10 ticks of 100 ms after the request", async () => {
    const { simulator, join, run } = await busWith([{ uid: X }, { uid: Y }]);
    const announced: number[] = [];
    simulator.bus.tap((frame, time) => {
      if (decodeClear(frame)?.name === "announce") announced.push(time / 1000 - START);
    });
    join();
    await run(2);
    expect(announced).toHaveLength(2);
    expect(announced[0]!).toBeGreaterThanOrEqual(200);
    expect(announced[0]!).toBeLessThan(203);
    expect(announced[1]!).toBeGreaterThanOrEqual(500);
    expect(announced[1]!).toBeLessThan(503);
  });

  it("drop to Off 11.1 s after the last frame, and come back", async () => {
    const { simulator, join, run } = await busWith([{ uid: X }]);
    const first = join();
    first.do({ kind: "order", uid: X, state: MODULE_STATE.on });
    await run(5);
    const [module] = simulator.legacyModules;
    expect(module!.state).toBe(MODULE_STATE.on);
    first.stop();
    await run(10.8);
    expect([module!.state, module!.address]).toEqual([MODULE_STATE.on, 2]);
    await run(0.5);
    expect([module!.state, module!.address]).toEqual([MODULE_STATE.off, undefined]);
    const second = join();
    second.do({ kind: "order", uid: X, state: MODULE_STATE.on });
    await run(5);
    expect(module!.state).toBe(MODULE_STATE.on);
  });

  it("are held by anyone's broadcast: what the deployed bus cannot prevent", async () => {
    const { simulator, join, run } = await busWith([{ uid: X }]);
    const end = join();
    await run(2);
    end.stop();
    const stranger = simulator.bus.attach({ name: "stranger" });
    for (let i = 0; i < 6; i += 1) {
      stranger.send(encodeClear("maxState", { max: 3 }));
      await run(5);
    }
    expect(simulator.legacyModules[0]!.address).toBe(2);
  });

  it.each([
    [undefined, undefined, 2],
    [4, undefined, 1],
    [undefined, 2, 1],
  ] as const)(
    "that take %s bytes of a state change, told %s: ordered %i times",
    async (takes, told, times) => {
      const quirks = told === undefined ? {} : { quirks: { stateChangeBytes: told } };
      const { simulator, join, run } = await busWith(
        withQuirks(takes === undefined ? {} : { stateChangeBytes: takes }),
        quirks,
      );
      const end = join();
      end.do({ kind: "order", uid: X, state: MODULE_STATE.on });
      await run(6);
      expect(simulator.legacyModules[0]!.state).toBe(MODULE_STATE.on);
      const orders = end.of("transmit").filter(({ frame }) => frame.id >>> 18 === 0x514);
      expect(orders).toHaveLength(times);
    },
  );

  it("with zero status, SOC and SOH are read as not telling them", async () => {
    const { join, run } = await busWith(withQuirks({ zeros: true }));
    const end = join();
    end.do({ kind: "order", uid: X, state: MODULE_STATE.on });
    await run(10);
    expect(end.of("reading").at(-1)!.notTold).toEqual(["status", "soc", "soh"]);
  });

  it("with current and voltage exchanged are noticed, and read right once that is configured", async () => {
    const unknown = await busWith(withQuirks({ swapped: true }));
    const end = unknown.join();
    await unknown.run(3);
    expect(end.events(X)).toContain("looks-swapped");
    const known = await busWith(withQuirks({ swapped: true }), { quirks: { swapped: true } });
    const right = known.join();
    await known.run(3);
    expect(right.events(X)).not.toContain("looks-swapped");
    const { voltage } = right.of("reading").at(-1)!.status1;
    expect(voltage).toBeCloseTo(known.simulator.legacyModules[0]!.volts, 1);
  });

  it("that fall silent are struck off, and register again and again", async () => {
    const { join, run } = await busWith(withQuirks({ silent: true }));
    const end = join();
    await run(25);
    expect(end.events(X).filter((kind) => kind === "deregistered").length).toBeGreaterThan(0);
    expect(end.of("reading")).toEqual([]);
  });

  it.each([{}, { erraticCells: true }])("tell their cells, %j", async (quirks) => {
    const { simulator, join, run } = await busWith(withQuirks(quirks));
    const end = join();
    await run(3);
    end.do({ kind: "cells", uid: X });
    await run(40);
    expect(end.of("cells")).toEqual([expect.objectContaining({ told: 94, missing: 0 })]);
    const told = new Set(end.of("cell").map(({ cell }) => cell.cell));
    expect(told.size).toBe(94);
    const mean = simulator.legacyModules[0]!.volts / 94;
    for (const { cell } of end.of("cell")) expect(Math.abs(cell.voltage - mean)).toBeLessThan(0.05);
  });

  it.each([{}, { badLogs: true }])("send their log frames, %j", async (quirks) => {
    const { join, run } = await busWith(withQuirks(quirks));
    const end = join();
    await run(130);
    end.do({ kind: "log-frame", uid: X, counter: 1 });
    await run(10);
    end.do({ kind: "log-frame", uid: X, counter: LAST_LOG_FRAME });
    await run(10);
    expect(end.of("log-frame").map(({ counter }) => counter)).toEqual([1, 2]);
    expect(end.of("log-frame")[0]!.data).toEqual(logFrameBytes(1));
    end.do({ kind: "log-frame", uid: X, counter: 1000 });
    await run(10);
    expect(end.events(X)).toContain("transfer-failed");
  });
});

/** Holds every clear frame's signals, as an independent reader finds them by the file, to ours; returns which there were. */
function sameInBoth(frames: readonly CanFrame[], file: string): ReadonlySet<string> {
  const can = new Can();
  can.database = new Dbc().load(file, true);
  const read = new Set<string>();
  for (const { id, data, fd } of frames) {
    const ours = decodeClear({ id, data, fd });
    if (ours === undefined) continue; // the paired module's
    if (ours.name === "stateChange" && data.length === 2) continue; // the file has one length a message
    const masked = (id & ~0x3ff00) + 0x8000_0000; // segment bits, as the file says
    const frame = { id: masked, dlc: data.length, isExtended: true, payload: [...data] };
    const theirs = can.decode(frame)!;
    expect(theirs.name.replace(/_M\d\d$/, "").toLowerCase()).toBe(ours.name.toLowerCase());
    expect(theirs.boundSignals.size).toBe(Object.keys(ours.values).length);
    for (const [signal, value] of Object.entries(ours.values)) {
      expect(theirs.boundSignals.get(signal)!.value).toBeCloseTo(value, 6);
    }
    read.add(ours.name);
  }
  return read;
}

describe("a recorded run", () => {
  it("reads the same through the DBC file and an independent reader", async () => {
    const { simulator, join, run } = await busWith([
      { uid: X },
      { uid: Y, quirks: { zeros: true, erraticCells: true, swapped: true } },
    ]);
    const frames: CanFrame[] = [];
    simulator.bus.tap((frame) => {
      frames.push(frame);
    });
    const end = join();
    for (const uid of [X, Y]) end.do({ kind: "order", uid, state: MODULE_STATE.on });
    await run(20);
    for (const uid of [X, Y]) end.do({ kind: "cells", uid });
    end.do({ kind: "log-frame", uid: X, counter: 0 });
    end.do({ kind: "time" });
    end.do({ kind: "isolate" });
    await run(40);
    end.do({ kind: "deregister" });
    await run(1);

    const read = sameInBoth(frames, exportDbc({ modules: [2, 3] }));
    const sent = Object.keys(CLEAR_FRAMES).filter((name) => !name.startsWith("sdWindow"));
    expect([...read].sort()).toEqual(sent.sort());
  });
});

describe("a list of clear-text modules", () => {
  it("is kept in the folder, and read with what is wrong with it", async () => {
    const folder = temporaryDirectory();
    onTestFinished(() => folder.remove());
    expect(await readLegacyModules(folder.path)).toEqual([]);
    const modules = [
      ...provisionLegacyModules(2, seededEntropy("list")),
      { uid: X, quirks: { zeros: true, stateChangeBytes: 4 as const } },
    ];
    await writeLegacyModules(folder.path, modules);
    expect(await readLegacyModules(folder.path)).toEqual(modules);
    expect(new Set(modules.map(({ uid }) => uid)).size).toBe(3);
    for (const [text, problem] of [
      ["{}", /list/],
      ["[1]", /object/],
      ['[{"uid": 1}]', /uid/],
      ['[{"uid": "zz"}]', /uid/],
      [`[{"uid": "${X}", "quirks": {"zeroes": true}}]`, /zeroes/],
      [`[{"uid": "${X}", "quirks": {"zeros": 1}}]`, /zeros/],
      [`[{"uid": "${X}", "quirks": {"stateChangeBytes": 3}}]`, /stateChangeBytes/],
      ["[", /JSON|Unexpected/],
    ] as const) {
      await writeFile(join(folder.path, "legacy-modules.json"), text);
      await expect(readLegacyModules(folder.path)).rejects.toThrow(problem);
    }
  });

  it("is refused on an FD bus, beside a module of the same unique id, and beyond 31", async () => {
    const entropy = seededEntropy("refused");
    const pack = pairedPack(2, entropy);
    const start = (uids: readonly ModuleUid[], fd = false) =>
      startSimulator({
        modules: pack.modules,
        legacyModules: uids.map((uid) => ({ uid })),
        drive: { kind: "idle" },
        entropy,
        wall: new VirtualWall(),
        startTime: START,
        fd,
      });
    await expect(start([X], true)).rejects.toThrow(/FD/);
    await expect(start([X, X])).rejects.toThrow(/unique id/);
    await expect(start([moduleUid("5702000100000000")])).rejects.toThrow(/announcement/);
    await expect(start([pack.modules[0]!.uid])).rejects.toThrow(/unique id/);
    const many = provisionLegacyModules(30, entropy).map(({ uid }) => uid);
    await expect(start(many)).rejects.toThrow(/31/);
  });
});
