import { createHash, createHmac, hkdfSync } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { millis, moduleUid } from "@wattseal/base";
import { MODULE_STATE, OUTCOME, type PackOrder } from "@wattseal/can-protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PackSide, pairedPack } from "./pack-side.fixture.js";
import { readRecording } from "./replay/recording.js";
import { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.js";
import { connectBus } from "./socket/client.js";
import { BusServer } from "./socket/server.js";
import {
  bytesOf,
  recordedFile,
  START,
  seededEntropy,
  temporaryDirectory,
  turns,
  VirtualWall,
} from "./testing.fixture.js";

async function packUnder(
  options: Partial<SimulatorOptions> & { readonly count?: number; readonly name?: string },
) {
  const { count = 2, name = "pack", ...rest } = options;
  const entropy = seededEntropy(name);
  const pack = pairedPack(count, entropy);
  const simulator = await startSimulator({
    modules: pack.modules,
    drive: { kind: "demo" },
    entropy,
    wall: new VirtualWall(),
    startTime: START,
    ...rest,
  });
  const joinBus = (maxState: number = MODULE_STATE.on) => {
    const bus = simulator.bus.attach({ name: "pack", mailboxes: 8 });
    const fd = options.fd ?? false;
    const side = new PackSide({ bus, clock: simulator.kernel, entropy, pack, fd, maxState });
    const leave = () => {
      side.stop();
      bus.close();
    };
    return { side, leave };
  };
  const run = (seconds: number) =>
    simulator.run({ until: millis(simulator.kernel.now() + 1000 * seconds) });
  return { simulator, pack, join: joinBus, run };
}

const energies = ({ modules }: Simulator) =>
  modules.map(({ energyIn, energyOut }) => [energyIn, energyOut]);

describe.each([false, true])("startSimulator: the demonstration, fd %s", (fd) => {
  it("links every module, charges, then drives, and every reading arrives", async () => {
    const { simulator, join, run } = await packUnder({ count: 8, fd });
    const { side } = join();
    await run(230);
    expect(simulator.modules.every(({ linked, state }) => linked && state === "on")).toBe(true);
    for (const { energyIn } of simulator.modules) expect(energyIn).toBeGreaterThan(200_000);
    await run(220);
    for (const { energyOut } of simulator.modules) expect(energyOut).toBeGreaterThan(150_000);
    expect(side.sessions).toBe(8);
    expect(side.rejected).toEqual([]);
    // 5 Hz from each, but for the moment before its link.
    expect(side.readings).toBeGreaterThan(450 * 5 * 8 - 80);
    await simulator.stop();
  });
});

describe("startSimulator: modules", () => {
  it("have nothing on the way any more once settled", async () => {
    const { simulator, join, run } = await packUnder({ count: 8 });
    const { side } = join();
    // In the middle of a reading's frames.
    await run(20.003);
    await simulator.settle();
    const sent = simulator.modules.reduce((sum, { link }) => sum + link.counts.sent, 0);
    expect(side.accepted).toBe(sent);
    await simulator.stop();
  });

  it("report the counters they hold", async () => {
    const { simulator, join, run } = await packUnder({});
    const { side } = join();
    await run(100);
    for (const { slot, energyIn, bootCounter } of simulator.modules) {
      const telemetry = side.telemetry.get(slot)!;
      expect(telemetry.boot).toBe(bootCounter);
      // One reading's period and one physics step of 4.2 kW behind, at most.
      expect(energyIn - telemetry.inMwh).toBeGreaterThanOrEqual(0);
      expect(energyIn - telemetry.inMwh).toBeLessThan(400);
    }
    await simulator.stop();
  });

  it("go Off 11.1 s after the pack falls silent, and on again when it returns", async () => {
    const { simulator, join, run } = await packUnder({});
    const states = () => simulator.modules.map(({ state }) => state);
    const first = join();
    await run(20);
    expect(states()).toEqual(["on", "on"]);
    first.leave();
    await run(9);
    expect(states()).toEqual(["on", "on"]);
    await run(4);
    expect(states()).toEqual(["off", "off"]);
    await run(1);
    const still = energies(simulator);
    await run(60);
    expect(energies(simulator)).toEqual(still);
    join();
    await run(20);
    expect(states()).toEqual(["on", "on"]);
    expect(energies(simulator)).not.toEqual(still);
    await simulator.stop();
  });

  it("follow the heartbeats' highest state, state changes, and isolate until told otherwise", async () => {
    const { simulator, join, run } = await packUnder({ count: 1 });
    const { side } = join(MODULE_STATE.standby);
    const [module] = simulator.modules;
    await run(10);
    expect(module!.state).toBe("standby");
    side.maxState(1, MODULE_STATE.on);
    await run(1);
    expect(module!.state).toBe("on");
    side.order(1, { kind: "isolate", cause: 1 });
    await run(5);
    expect(module!.state).toBe("off");
    side.order(1, { kind: "state-change", state: MODULE_STATE.on, hvBusVoltage: 350 });
    await run(1);
    expect(module!.state).toBe("on");
    await simulator.stop();
  });

  it("answer what they are asked, and say what they cannot", async () => {
    const { simulator, pack, run } = await packUnder({ count: 1 });
    const bus = simulator.bus.attach({ mailboxes: 8 });
    const entropy = seededEntropy("asking");
    const side = new PackSide({ bus, clock: simulator.kernel, entropy, pack, keep: true });
    await run(30);
    const orders: readonly PackOrder[] = [
      { kind: "cell-detail-request", cell: 93 },
      { kind: "cell-detail-request", cell: 94 },
      { kind: "hardware-request" },
      { kind: "capability-request" },
      { kind: "counter-statement-request" },
      { kind: "telemetry-request", periodMs: 100 },
      { kind: "telemetry-request", periodMs: 99 },
    ];
    for (const order of orders) side.order(1, order);
    side.heard.length = 0;
    await run(2);
    const answers = side.heard
      .map(({ message }) => message)
      .filter(({ kind }) => kind !== "telemetry" && kind !== "ping");
    expect(answers.map((answer) => ("code" in answer ? answer.code : answer.kind))).toEqual([
      "cell-detail",
      OUTCOME.unsupported,
      "hardware",
      "capability",
      "counter-statement",
      OUTCOME.done,
      OUTCOME.unsupported,
    ]);
    // 5 Hz became 10 Hz.
    expect(side.heard.filter(({ message }) => message.kind === "telemetry").length).toBe(20);
    await simulator.stop();
  });

  it("give the federation a counter statement that it can check, over uid, boot, tick, in, out", async () => {
    const { simulator, pack, run } = await packUnder({ count: 1 });
    const bus = simulator.bus.attach({ mailboxes: 8 });
    const entropy = seededEntropy("statement");
    const side = new PackSide({ bus, clock: simulator.kernel, entropy, pack, keep: true });
    await run(60);
    side.order(1, { kind: "counter-statement-request" });
    await run(1);
    const statement = side.heard
      .map(({ message }) => message)
      .find((m) => m.kind === "counter-statement")!;
    const covered = Buffer.alloc(26);
    Buffer.from(statement.uid, "hex").copy(covered);
    covered.writeUInt16LE(statement.boot, 8);
    covered.writeUInt32LE(statement.tick, 10);
    covered.writeUIntLE(statement.inMwh, 14, 6);
    covered.writeUIntLE(statement.outMwh, 20, 6);
    const shared = pack.federation.dh(pack.modules[0]!.half.publicKey);
    const key = Buffer.from(hkdfSync("sha256", shared, "", "wattseal-counter-1", 32));
    const mac = createHmac("sha256", key).update(covered).digest();
    expect(Buffer.from(statement.mac).equals(mac)).toBe(true);
    expect(statement.inMwh).toBeGreaterThan(50_000);
    await simulator.stop();
  });

  it("are refused when a slot is given twice, none is paired, or there are none", async () => {
    const { modules } = pairedPack(2, seededEntropy("x"));
    const start = (flashes: SimulatorOptions["modules"]) =>
      startSimulator({
        modules: flashes,
        drive: { kind: "idle" },
        entropy: seededEntropy("x"),
        wall: new VirtualWall(),
        startTime: START,
      });
    const other = { ...modules[0]!, uid: moduleUid("5701000000000001") };
    for (const flashes of [[], [modules[0]!, other], [{ ...other, pairing: undefined }]]) {
      await expect(start(flashes)).rejects.toMatchObject({ code: "configuration" });
    }
  });
});

describe("startSimulator: the same run again", () => {
  const digest = async (name: string, seed: number) => {
    const { simulator, join, run } = await packUnder({ count: 3, name, seed });
    const hash = createHash("sha256");
    simulator.bus.tap((frame, time) => void hash.update(`${time} ${frame.id} ${frame.data}\n`));
    join();
    await run(30);
    await simulator.stop();
    return hash.digest("hex");
  };

  it("puts the same bits on the wire at the same times; another seed or other keys do not", async () => {
    const first = await digest("a", 1);
    expect(await digest("a", 1)).toBe(first);
    expect(await digest("a", 2)).not.toBe(first);
    expect(await digest("b", 1)).not.toBe(first);
  });
});

describe("startSimulator: replay", () => {
  const name = "bmw-i3/TripA04.csv";
  const { url, present } = recordedFile(name);
  const title = present ? name : `${name} (skipped: ../shared/data is absent)`;

  it.skipIf(!present)(`carries the energy of ${title} through sealed PDUs`, async () => {
    const recording = readRecording(bytesOf(url), name);
    const { simulator, join } = await packUnder({
      count: 8,
      drive: { kind: "replay", recording },
    });
    const { side } = join();
    const run = simulator.run();
    await simulator.finished;
    await simulator.stop();
    await run;
    expect(simulator.progress).toBe(1);
    const sum = (of: "inMwh" | "outMwh") =>
      [...side.telemetry.values()].reduce((total, telemetry) => total + telemetry[of], 0);
    expect(Math.abs(sum("inMwh") - recording.wattHours.in * 1000)).toBeLessThanOrEqual(8);
    expect(Math.abs(sum("outMwh") - recording.wattHours.out * 1000)).toBeLessThanOrEqual(8);
    expect([...side.telemetry.values()].every(({ status1 }) => status1.current === 0)).toBe(true);
  });

  it("tells the largest values that readings have, and changes of state at them", async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i},983.025,${i < 30 ? 655.34 : -655.34}`);
    const { simulator, join, run } = await packUnder({
      count: 1,
      drive: { kind: "replay", recording: readRecording(`t_s,V,A\n${rows.join("\n")}`, "x") },
    });
    const { side } = join();
    const currents = new Set<number>();
    side.onReading = (_at, { status1 }) => {
      expect(status1.voltage).toBe(983.025);
      currents.add(status1.current);
    };
    await run(70);
    expect([...currents]).toEqual([0, 655.34, -655.34]);
    await simulator.stop();
  });
});

describe("startSimulator: the pack in another process", () => {
  it("links over the socket, loses no reading, and links again after a crash", async () => {
    const directory = temporaryDirectory();
    const { simulator, pack, run } = await packUnder({ count: 4 });
    const { kernel, bus } = simulator;
    const path = join(directory.path, "run", "bus.sock");
    const server = await BusServer.listen({ kernel, bus, path });
    const connectSide = async () => {
      const client = await connectBus(path);
      const { clock } = client;
      const entropy = seededEntropy(`side ${kernel.now()}`);
      return { client, side: new PackSide({ bus: client.bus, clock, entropy, pack }) };
    };

    const first = await connectSide();
    await run(30);
    expect(first.side.sessions).toBe(4);
    expect(first.side.readings).toBeGreaterThan(30 * 5 * 4 - 40);
    first.client.close();
    while (server.clients > 0) await turns(1);
    await run(20);
    expect(simulator.modules.map(({ state }) => state)).toEqual(["off", "off", "off", "off"]);

    const second = await connectSide();
    await run(30);
    expect(second.side.sessions).toBe(4);
    expect(second.side.readings).toBeGreaterThan(30 * 5 * 4 - 80);
    expect([...first.side.rejected, ...second.side.rejected]).toEqual([]);
    expect(simulator.modules.every(({ state }) => state === "on")).toBe(true);
    second.client.close();
    await server.close();
    await simulator.stop();
    directory.remove();
  });
});

describe("startSimulator: state folder", () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => directory.remove());

  it("goes on where it stopped: counters, SOC, time; with the next boot counter", async () => {
    const stateDirectory = directory.path;
    const first = await packUnder({ stateDirectory });
    first.join();
    await first.run(100);
    await first.simulator.stop();
    const second = await packUnder({ stateDirectory });
    expect(second.simulator.kernel.now()).toBe(START + 100_000);
    expect(energies(second.simulator)).toEqual(energies(first.simulator));
    expect(first.simulator.modules.map(({ bootCounter }) => bootCounter)).toEqual([1, 1]);
    expect(second.simulator.modules.map(({ bootCounter }) => bootCounter)).toEqual([2, 2]);
    second.simulator.modules.forEach(({ socPercent }, i) => {
      expect(socPercent).toBeCloseTo(first.simulator.modules[i]!.socPercent, 3);
    });
    await second.simulator.stop();
  });

  it("never lets time go back after a kill, and loses no more than 20 s of the counters", async () => {
    const stateDirectory = directory.path;
    const killed = await packUnder({ stateDirectory });
    killed.join();
    await killed.run(95);
    const before = energies(killed.simulator);
    const after = await packUnder({ stateDirectory });
    expect(after.simulator.kernel.now()).toBeGreaterThanOrEqual(START + 95_000);
    expect(after.simulator.kernel.now()).toBeLessThanOrEqual(START + 95_000 + 20_000);
    energies(after.simulator).forEach(([energyIn], i) => {
      expect(energyIn).toBeLessThanOrEqual(before[i]![0]!);
      expect(energyIn).toBeGreaterThan((before[i]![0]! * 75) / 95);
    });
    expect(after.simulator.modules[0]!.bootCounter).toBe(2);
    await killed.simulator.stop();
  });

  it("never gives a boot counter twice, though a kill follows a brown-out at once", async () => {
    const stateDirectory = directory.path;
    const killed = await packUnder({ stateDirectory });
    await killed.run(15);
    for (let boots = 2; boots <= 4; boots += 1) {
      const end = killed.simulator.inject({ fault: "brown-out", slots: [1] });
      await killed.run(0.5);
      end();
      await killed.run(0.001);
      expect(killed.simulator.modules[0]!.bootCounter).toBe(boots);
    }
    const after = await packUnder({ stateDirectory });
    expect(after.simulator.modules.map(({ bootCounter }) => bootCounter)).toEqual([5, 2]);
    await after.simulator.stop();
    await killed.simulator.stop();
  });

  it("starts at the requested time when that is later, and passes long idle stretches", async () => {
    const stateDirectory = directory.path;
    const first = await packUnder({ stateDirectory, drive: { kind: "idle" } });
    await first.run(3600);
    await first.simulator.stop();
    const startTime = millis(START + 10_000_000);
    const second = await packUnder({ stateDirectory, startTime });
    expect(second.simulator.kernel.now()).toBe(startTime);
    await second.simulator.stop();
    expect(readdirSync(stateDirectory)).toEqual(["simulator.state"]);
  });

  it("stops while a reader is busy", async () => {
    const { simulator } = await packUnder({ stateDirectory: directory.path });
    simulator.kernel.addReader({ ready: () => new Promise<void>(() => {}) });
    const run = simulator.run();
    await turns(5);
    await simulator.stop();
    await run;
  });
});
