import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { silentLogger } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { faultBench, PATIENCE } from "../faults/fault-bench.fixture.js";
import type { Drive } from "../simulator.js";
import { seededEntropy as testEntropy } from "../testing.fixture.js";
import { seededEntropy } from "./entropy.js";
import { checkExpectations, unmetExpectations } from "./expect.js";
import { parseScenario } from "./parse.js";
import type { FaultEvent, Scenario } from "./scenario.js";

const FOLDER = new URL("../../../../scenarios/", import.meta.url);
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const readExample = (name: string): Scenario =>
  parseScenario(readFileSync(new URL(name, FOLDER)), name);

/** Examples need no file beside them. */
function driveOf({ drive }: Scenario): Drive {
  if (drive.kind === "replay") throw new Error("an example that needs a recording");
  return drive;
}

async function play(scenario: Scenario, seed = scenario.seed) {
  const { modules = 8, events, seconds = 60 } = scenario;
  const entropy = scenario.entropy === "seeded" ? seededEntropy(seed) : testEntropy(randomUUID());
  const bench = await faultBench({
    count: modules,
    name: "scenario",
    shunt: true,
    drive: driveOf(scenario),
    events,
    seed,
    entropy,
  });
  const hash = createHash("sha256");
  bench.bus.tap((frame, time) => void hash.update(`${time} ${frame.id} ${frame.data}\n`));
  await bench.run(seconds);
  const unmet = unmetExpectations(scenario.expect, bench.modules);
  await bench.simulator.stop();
  return { ...bench, unmet, digest: hash.digest("hex") };
}

describe.each(EXAMPLES)("scenarios/%s", (name) => {
  const scenario = readExample(name);

  it(
    "ends as it expects, with no counter ever wrong",
    async () => {
      expect(scenario.expect).toBeDefined();
      const { unmet, wrong } = await play(scenario);
      expect(unmet).toEqual([]);
      expect(wrong).toEqual([]);
    },
    PATIENCE,
  );

  it("is described in the documentation", () => {
    const text = readFileSync(new URL("../docs/simulator.md", FOLDER), "utf8");
    expect(text).toContain(`scenarios/${name}`);
  });
});

describe("a run of a scenario", () => {
  const rough = (entropy: Scenario["entropy"]): Scenario => ({
    name: "rough",
    description: "",
    modules: 3,
    seed: 5,
    entropy,
    drive: { kind: "demo" },
    seconds: 40,
    events: [
      { at: 5, seconds: 20, fault: { fault: "corrupt", bitErrorRate: 1e-4 } },
      { at: 8, seconds: 20, fault: { fault: "spoof", perSecond: 10 } },
      { at: 15, seconds: 1, fault: { fault: "brown-out", slots: [2] } },
    ],
    expect: undefined,
  });

  it(
    "is the same again, byte for byte and µs for µs, when its entropy is seeded",
    async () => {
      const first = await play(rough("seeded"));
      expect((await play(rough("seeded"))).digest).toBe(first.digest);
      expect((await play(rough("seeded"), 6)).digest).not.toBe(first.digest);
    },
    PATIENCE,
  );

  it("is another each time with entropy that is fit for keys", async () => {
    const first = await play(rough("system"));
    expect((await play(rough("system"))).digest).not.toBe(first.digest);
  });

  it("begins and ends each fault at its time", async () => {
    const events: readonly FaultEvent[] = [
      { at: 2, seconds: 3, fault: { fault: "mute" } },
      { at: 4, seconds: undefined, fault: { fault: "stuck-dominant" } },
    ];
    const told: string[] = [];
    const logger = {
      ...silentLogger,
      warn: (event: string, fields?: object) => {
        const name = fields !== undefined && "fault" in fields ? String(fields.fault) : "";
        told.push(`${kernel() - start} ${event.slice(10)} ${name}`);
      },
    };
    let kernel = () => 0;
    const bench = await faultBench({ count: 1, events, logger });
    const start = bench.kernel.now();
    kernel = () => bench.kernel.now();
    expect(bench.simulator.eventsAhead).toEqual(events);
    await bench.run(3);
    expect(bench.simulator.eventsAhead).toEqual(events.slice(1));
    await bench.run(17);
    expect(bench.simulator.eventsAhead).toEqual([]);
    expect(told).toEqual(["2000 begun mute", "4000 begun stuck-dominant", "5000 ended mute"]);
    await bench.simulator.settle();
    expect(told.at(-1)).toBe("20000 ended stuck-dominant");
    await bench.simulator.stop();
  });

  it("is refused at once when an event names a slot that is not there", async () => {
    const events: readonly FaultEvent[] = [
      { at: 100, seconds: 1, fault: { fault: "mute", slots: [9] }, place: "a.json.events[0]" },
    ];
    await expect(faultBench({ count: 2, events })).rejects.toMatchObject({
      code: "configuration",
      message: "a.json.events[0]: mute: no module has slot 9",
    });
  });
});

describe("what a scenario expects", () => {
  it("is told in words where it does not hold", async () => {
    const { modules, simulator } = await faultBench({ count: 2 });
    const nothing = { linked: undefined, on: undefined, moduleAlarms: undefined };
    expect(unmetExpectations({ ...nothing, linked: 2, on: 0 }, modules)).toEqual([
      "modules linked: 0, not 2",
    ]);
    expect(unmetExpectations({ ...nothing, moduleAlarms: 1 }, modules)).toEqual([
      "alarms of modules: 0, under 1",
    ]);
    expect(unmetExpectations(undefined, modules)).toEqual([]);
    expect(() => checkExpectations({ ...nothing, on: 2 }, 2, "a.json.expect")).not.toThrow();
    expect(() => checkExpectations({ ...nothing, on: 3 }, 2, "a.json.expect")).toThrow(
      "a.json.expect.on: 3 of 2 modules",
    );
    await simulator.stop();
  });
});
