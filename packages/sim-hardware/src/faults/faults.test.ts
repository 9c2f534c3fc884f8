import { join } from "node:path";
import { isSecured, isShunt, slotOf } from "@wattseal/can-protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PackSide } from "../pack-side.fixture.js";
import { connectBus } from "../socket/client.js";
import { BusServer } from "../socket/server.js";
import { seededEntropy, temporaryDirectory } from "../testing.fixture.js";
import { FAULT_NAMES, FAULTS, type Fault } from "./fault.js";
import { charging, faultBench, PATIENCE } from "./fault-bench.fixture.js";

const SETTLED = 20;

/** Runs until everything is linked, then under the fault, then until it should be over. */
async function under(fault: Fault, seconds: number, after = 60, count = 4) {
  const shunt = fault.fault === "shunt";
  const bench = await faultBench({ count, name: fault.fault, shunt });
  await bench.run(SETTLED);
  expect(bench.side.linked).toBe(count);
  const before = { sessions: bench.side.sessions, readings: bench.side.readings };
  const end = bench.simulator.inject(fault);
  await bench.run(seconds);
  const during = { linked: bench.side.linked, readings: bench.side.readings - before.readings };
  end();
  await bench.run(after);
  return { ...bench, before, during, stop: () => bench.simulator.stop() };
}

describe.each(FAULT_NAMES.map((name) => [name, FAULTS[name]] as const))(
  "a pack under the fault %s",
  (_name, { example, seconds }) => {
    it("is linked again a minute after it, and no counter was ever wrong", async () => {
      const { side, wrong, modules, stop } = await under(example(2), Math.min(seconds, 40));
      expect(side.linked).toBe(4);
      expect(modules.every(({ linked, state }) => linked && state === "on")).toBe(true);
      expect(wrong).toEqual([]);
      await stop();
    });
  },
);

describe("faults of the wire", () => {
  it("corrupt: costs wire, not readings", async () => {
    const { bench, side, node } = await under({ fault: "corrupt", bitErrorRate: 1e-4 }, 60).then(
      (all) => ({ bench: all, ...all }),
    );
    // About 1.3 % of the frames; every reading arrives all the same.
    expect(bench.during.readings).toBe(60 * 5 * 4);
    expect(side.rejected).toEqual([]);
    expect(node.state).toBe("active");
    await bench.stop();
  });

  it("corrupt: at one module's input hits that one alone, and drives it to error passive", async () => {
    const bench = await faultBench();
    await bench.run(SETTLED);
    bench.simulator.inject({ fault: "corrupt", bitErrorRate: 5e-3, slots: [3] });
    await bench.run(30);
    const states = bench.bus.controllers.map(({ name, state }) => `${name} ${state}`);
    expect(states).toContain("module-3 passive");
    expect(states.filter((state) => !state.startsWith("module-3")).join()).not.toContain("off");
    await bench.simulator.stop();
  });

  it.each(["cut", "lost"] as const)(
    "%s: silences those modules alone, and says so",
    async (fault) => {
      const bench = await under({ fault, slots: [2, 3] }, 30);
      expect(bench.during.linked).toBe(2);
      // Two modules go on for 30 s, the others stop at once.
      expect(bench.during.readings).toBeGreaterThanOrEqual(30 * 5 * 2);
      expect(bench.during.readings).toBeLessThan(30 * 5 * 2 + 10);
      await bench.stop();
    },
  );

  it("cut: relays beyond the break open by themselves", async () => {
    const bench = await faultBench();
    await bench.run(SETTLED);
    bench.simulator.inject({ fault: "cut", slots: [4] });
    await bench.run(12);
    expect(bench.modules.map(({ state }) => state)).toEqual(["on", "on", "on", "off"]);
    await bench.simulator.stop();
  });

  it("stuck-dominant: nothing is heard, and all is well again after it", async () => {
    const bench = await under({ fault: "stuck-dominant" }, 5);
    expect(bench.during.readings).toBe(0);
    expect(bench.side.sessions).toBeGreaterThan(bench.before.sessions);
    await bench.stop();
  });

  it("bus-off: the module's controller leaves the bus and comes back, again and again", async () => {
    const bench = await faultBench();
    await bench.run(SETTLED);
    const end = bench.simulator.inject({ fault: "bus-off", slots: [1] });
    await bench.run(10);
    expect(bench.side.telemetry.get(1)!.tick).toBeLessThan(SETTLED * 1000 + 500);
    expect(bench.side.telemetry.get(2)!.tick).toBeGreaterThan((SETTLED + 9) * 1000);
    end();
    await bench.run(60);
    expect(bench.side.linked).toBe(4);
    await bench.simulator.stop();
  });
});

describe("faults of modules", () => {
  it("brown-out: RAM and session are lost, counters go back to the EEPROM, the boot counter moves on", async () => {
    const bench = await faultBench({ drive: charging(4) });
    await bench.run(98);
    const module = bench.modules[1]!;
    const [boot, counted] = [module.bootCounter, module.energyIn];
    const end = bench.simulator.inject({ fault: "brown-out", slots: [2] });
    await bench.run(0.5);
    expect([module.linked, module.state]).toEqual([false, "off"]);
    end();
    expect(module.bootCounter).toBe(boot + 1);
    // Written every 10 s; 2 kW for 10 s are 5.6 Wh.
    expect(module.energyIn).toBeLessThan(counted);
    expect(module.energyIn).toBeGreaterThan(counted - 6000);
    await bench.run(60);
    const telemetry = bench.side.telemetry.get(2)!;
    expect(telemetry.boot).toBe(boot + 1);
    expect(telemetry.tick).toBeLessThan(61_000);
    expect(telemetry.inMwh).toBeLessThanOrEqual(module.energyIn);
    expect(bench.wrong).toEqual([]);
    await bench.simulator.stop();
  });

  it("mute: nothing comes, everything is acknowledged, the relay stays as it was", async () => {
    const bench = await faultBench({ count: 1, drive: charging(1) });
    await bench.run(SETTLED);
    bench.simulator.inject({ fault: "mute" });
    const before = bench.side.readings;
    await bench.run(30);
    // One may have been with the controller already.
    expect(bench.side.readings).toBeLessThanOrEqual(before + 1);
    expect(bench.side.linked).toBe(0);
    expect(bench.modules[0]!.state).toBe("on");
    // Its controller is the only one that could have acknowledged the pack's frames.
    expect(bench.side.states).toEqual([]);
    await bench.simulator.stop();
  });

  it("liar: its counters move faster than its current, those of the others do not", async () => {
    const bench = await faultBench({ count: 2, drive: charging(2) });
    await bench.run(SETTLED);
    const from = [1, 2].map((slot) => bench.side.telemetry.get(slot)!);
    bench.simulator.inject({ fault: "liar", slots: [2], gain: 1.5 });
    let wattSeconds = [0, 0];
    bench.side.onReading = (slot, { status1 }) => {
      const watts = (status1.current * status1.voltage) / 5;
      wattSeconds = wattSeconds.map((sum, i) => (i === slot - 1 ? sum + watts : sum));
    };
    await bench.run(60);
    const ratios = [1, 2].map((slot, i) => {
      const counted = bench.side.telemetry.get(slot)!.inMwh - from[i]!.inMwh;
      return counted / (wattSeconds[i]! / 3.6);
    });
    expect(ratios[0]).toBeCloseTo(1, 1);
    expect(ratios[1]).toBeCloseTo(1.5, 1);
    await bench.simulator.stop();
  });

  it("liar: a frozen state of charge, while the cells fill", async () => {
    const bench = await faultBench({ count: 2, drive: charging(2) });
    await bench.run(SETTLED);
    const end = bench.simulator.inject({ fault: "liar", slots: [2], soc: "frozen" });
    const frozen = bench.side.telemetry.get(2)!.status1.soc;
    await bench.run(120);
    expect(bench.side.telemetry.get(2)!.status1.soc).toBeCloseTo(frozen, 0);
    expect(bench.side.telemetry.get(1)!.status1.soc).toBeGreaterThan(frozen + 0.9);
    end();
    await bench.run(2);
    expect(bench.side.telemetry.get(2)!.status1.soc).toBeGreaterThan(frozen + 0.9);
    await bench.simulator.stop();
  });

  it("drift: the tick runs ahead by its parts per million, and the link holds", async () => {
    const bench = await faultBench({ count: 2 });
    await bench.run(SETTLED);
    const sessions = bench.side.sessions;
    const end = bench.simulator.inject({ fault: "drift", slots: [2], ppm: 10_000 });
    await bench.run(100);
    end();
    await bench.run(10);
    const [true1, fast] = bench.modules.map(({ tick }) => tick);
    expect(fast! - true1!).toBe(1000);
    expect(bench.side.sessions).toBe(sessions);
    expect(bench.side.linked).toBe(2);
    await bench.simulator.stop();
  });
});

describe("attackers", () => {
  it("replay of orders: nothing is obeyed twice, and both ends notice", async () => {
    const bench = await faultBench({ count: 2 });
    await bench.run(SETTLED);
    const end = bench.simulator.inject({ fault: "replay", record: "commands", delayMs: 5000 });
    bench.side.order(1, { kind: "isolate", cause: 1 });
    await bench.run(2);
    bench.side.order(1, { kind: "state-change", state: 3, hvBusVoltage: 350 });
    await bench.run(20);
    // The isolation comes again after the order to go on.
    expect(bench.modules[0]!.state).toBe("on");
    expect(bench.modules[0]!.alarms).toBeGreaterThan(0);
    expect(bench.side.rejected).toContain("own-identifier");
    end();
    await bench.simulator.stop();
  });

  it("replay of first handshake messages: costs time, not the session", async () => {
    const events = [
      { at: 0, seconds: 60, fault: { fault: "replay", record: "handshakes", delayMs: 20_000 } },
    ] as const;
    const bench = await faultBench({ count: 2, events });
    await bench.run(15);
    const sessions = bench.side.sessions;
    await bench.run(45);
    expect(bench.side.sessions).toBe(sessions);
    expect(bench.side.linked).toBe(2);
    expect(bench.side.readings).toBeGreaterThan(55 * 5 * 2);
    await bench.simulator.stop();
  });

  it("spoof: the gateway hears its own identifiers from another, and no forged order is obeyed", async () => {
    const bench = await under({ fault: "spoof", perSecond: 20, slots: [1] }, 20);
    expect(bench.side.rejected).toContain("own-identifier");
    expect(bench.modules[0]!.alarms).toBeGreaterThan(0);
    expect(bench.modules[0]!.state).toBe("on");
    await bench.stop();
  });

  it("flood: takes its share of the wire; readings still arrive", async () => {
    const fault: Fault = { fault: "flood", firstId: 0x100, lastId: 0x1ff, perSecond: 1500 };
    const bench = await faultBench();
    await bench.run(SETTLED);
    bench.simulator.inject(fault);
    const before = bench.side.readings;
    await bench.run(10);
    expect(bench.bus.load().framesPerSecond).toBeGreaterThan(1500);
    expect(bench.side.readings - before).toBeGreaterThanOrEqual(10 * 5 * 4 - 4);
    await bench.simulator.stop();
  });

  it("clear frames under a paired slot: are on the wire, and change no reading", async () => {
    const bench = await faultBench();
    const clear: number[] = [];
    bench.bus.tap(({ id }) => void (!isSecured(id) && !isShunt(id) && clear.push(slotOf(id))));
    await bench.run(SETTLED);
    const end = bench.simulator.inject({ fault: "clear-frames", perSecond: 5, slots: [2] });
    await bench.run(10);
    end();
    expect(clear.length).toBe(50);
    expect(new Set(clear)).toEqual(new Set([2]));
    expect(bench.side.telemetry.get(2)!.status1.soc).toBeLessThan(60);
    expect(bench.wrong).toEqual([]);
    await bench.simulator.stop();
  });

  it("jam: an order that comes late is refused as stale, and the module goes Off", async () => {
    const bench = await faultBench({ count: 2 });
    await bench.run(SETTLED);
    const { readings } = bench.side;
    const end = bench.simulator.inject({ fault: "jam", delayMs: 4000, slots: [1] });
    bench.side.order(1, { kind: "isolate", cause: 1 });
    await bench.run(3.9);
    expect(bench.side.outcomes).toEqual(["isolate timed-out"]);
    expect(bench.modules[0]!.alarms).toBe(0);
    await bench.run(3);
    // It has arrived, in a session that still stands.
    expect(bench.modules.map(({ linked, state }) => linked && state)).toEqual(["on", "on"]);
    expect(bench.modules[0]!.alarms).toBe(1);
    expect(bench.side.readings - readings).toBeGreaterThanOrEqual(2 * 6 * 5);
    // Nothing fresh for 11.1 s.
    await bench.run(6);
    expect(bench.modules.map(({ state }) => state)).toEqual(["off", "on"]);
    expect(bench.node.state).toBe("active");
    end();
    await bench.run(60);
    expect(bench.modules.map(({ state }) => state)).toEqual(["on", "on"]);
    expect(bench.wrong).toEqual([]);
    await bench.simulator.stop();
  });

  it("jam: an order half a second late is an order", async () => {
    const bench = await faultBench({ count: 2 });
    await bench.run(SETTLED);
    bench.simulator.inject({ fault: "jam", delayMs: 500, slots: [1] });
    bench.side.order(1, { kind: "isolate", cause: 1 });
    await bench.run(0.45);
    expect(bench.modules[0]!.state).toBe("on");
    await bench.run(0.2);
    expect(bench.modules[0]!.state).toBe("off");
    expect(bench.side.outcomes).toEqual(["isolate acknowledged"]);
    await bench.run(30);
    expect(bench.side.linked).toBe(2);
    expect([...bench.side.rejected, bench.modules[0]!.alarms]).toEqual([0]);
    await bench.simulator.stop();
  });

  it("jam: two at once, one inside the other, end with every link back", async () => {
    const jam = (at: number, seconds: number, slots: readonly number[]) =>
      ({ at, seconds, fault: { fault: "jam", delayMs: 3000, slots } }) as const;
    const bench = await faultBench({ events: [jam(15, 20, [1, 2]), jam(20, 10, [2, 3])] });
    await bench.run(120);
    expect(bench.side.linked).toBe(4);
    expect(bench.bus.controllers.map(({ name }) => name).join()).not.toContain("attacker");
    await bench.simulator.stop();
  });

  it("babbling: nobody else is heard while it lasts", async () => {
    const bench = await under({ fault: "babbling" }, 5);
    expect(bench.during.readings).toBeLessThanOrEqual(1);
    expect(bench.during.linked).toBe(0);
    await bench.stop();
  });
});

describe("any faults, one over the other", () => {
  it("let go of a hung module that lost power meanwhile", async () => {
    const hung = { at: 15, seconds: 20, fault: FAULTS.mute.example(1) };
    const brownOut = { at: 20, seconds: 5, fault: FAULTS["brown-out"].example(1) };
    const bench = await faultBench({ events: [hung, brownOut], seed: 1, name: "hung and off" });
    await bench.run(15 + 20 + 60);
    expect(bench.wrong).toEqual([]);
    expect(bench.side.linked).toBe(4);
    await bench.simulator.stop();
  });

  const event = fc.record({
    name: fc.constantFrom(...FAULT_NAMES),
    slot: fc.integer({ min: 1, max: 4 }),
    at: fc.nat(30_000).map((ms) => ms / 1000),
    seconds: fc.integer({ min: 1, max: 20_000 }).map((ms) => ms / 1000),
  });

  it.each([false, true])(
    "end with every link back and no counter ever wrong, fd %s",
    async (fd) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(event, { minLength: 1, maxLength: 5 }),
          fc.nat(2 ** 32 - 1),
          async (drawn, seed) => {
            const events = drawn.map(({ name, slot, at, seconds }) => ({
              at: 15 + at,
              seconds,
              fault: FAULTS[name].example(slot),
            }));
            const bench = await faultBench({ events, seed, fd, shunt: true, name: `${seed}` });
            await bench.run(15 + 30 + 20 + 90);
            expect(bench.wrong).toEqual([]);
            expect(bench.side.linked).toBe(4);
            expect(bench.modules.map(({ state }) => state)).toEqual(["on", "on", "on", "on"]);
            expect(bench.bus.controllers.every(({ state }) => state !== "bus-off")).toBe(true);
            await bench.simulator.stop();
          },
        ),
        { numRuns: 12 },
      );
    },
    60_000,
  );
});

describe("the pack in another process", () => {
  it(
    "is told of bus-off over the socket, and links again under errors that never stop",
    async () => {
      const directory = temporaryDirectory();
      const bench = await faultBench({ count: 2 });
      bench.leave();
      const { kernel, bus } = bench;
      const path = join(directory.path, "run", "bus.sock");
      const server = await BusServer.listen({ kernel, bus, path });
      const client = await connectBus(path);
      const side = new PackSide({
        bus: client.bus,
        clock: client.clock,
        entropy: seededEntropy("far"),
        pack: bench.pack,
      });
      await bench.run(20);
      expect(side.linked).toBe(2);
      const target = bus.disturb((_frame, from) =>
        from.startsWith("client") ? { bit: 70 } : undefined,
      );
      await bench.run(3);
      expect(side.states).toContain("bus-off");
      expect(side.linked).toBe(0);
      target();
      bench.simulator.inject({ fault: "corrupt", bitErrorRate: 1e-4 });
      const { readings } = side;
      await bench.run(30);
      expect(side.linked).toBe(2);
      expect(side.readings - readings).toBeGreaterThan(2 * 5 * 20);
      client.close();
      await server.close();
      await bench.simulator.stop();
      directory.remove();
    },
    PATIENCE,
  );
});

describe("inject", () => {
  it("refuses a slot that no module has", async () => {
    const bench = await faultBench({ count: 2 });
    expect(() => bench.simulator.inject({ fault: "mute", slots: [3] })).toThrowError(
      expect.objectContaining({
        code: "configuration",
        message: expect.stringContaining("slot 3"),
      }),
    );
    await bench.simulator.stop();
  });
});
