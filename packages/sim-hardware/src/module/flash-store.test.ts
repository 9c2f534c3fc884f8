import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Millis, millis } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PackSide, pairedPack } from "../pack-side.fixture.js";
import { startSimulator } from "../simulator.js";
import { START, seededEntropy, temporaryDirectory, VirtualWall } from "../testing.fixture.js";
import { type ModuleFlash, readModuleFlashes, writeModuleFlash } from "./flash.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const entropy = seededEntropy("flash store");
const nextHalf = DeviceHalf.generate(entropy);

/** Two modules under power, and their pack's end of the links. */
async function powered(
  pack: ReturnType<typeof pairedPack>,
  modules: readonly ModuleFlash[],
  stateDirectory?: string,
  startTime: Millis = START,
) {
  const simulator = await startSimulator({
    modules,
    drive: { kind: "constant", watts: 4000 },
    entropy,
    wall: new VirtualWall(),
    startTime,
    ...(stateDirectory === undefined ? {} : { stateDirectory }),
  });
  const { kernel } = simulator;
  const bus = simulator.bus.attach({ name: "pack", mailboxes: 8 });
  const side = new PackSide({ bus, clock: kernel, entropy, pack });
  const run = (seconds: number) =>
    simulator.run({ until: millis(kernel.now() + Math.round(1000 * seconds)) });
  await run(20);
  expect(side.linked).toBe(modules.filter(({ pairing }) => pairing !== undefined).length);
  return { simulator, side, run };
}

async function stored() {
  const pack = pairedPack(2, entropy);
  for (const module of pack.modules) await writeModuleFlash(directory.path, module);
  return pack;
}

const flashes = () => readModuleFlashes(directory.path);

describe("the flash of simulated modules", () => {
  it("takes a key-roll: the module proves the new half, and after a restart knows no other", async () => {
    const pack = await stored();
    const first = await powered(pack, await flashes(), directory.path);
    for (const at of [1, 2]) first.side.roll(at, nextHalf);
    await first.run(10);
    expect(first.side.outcomes).toEqual(["key-roll acknowledged", "key-roll acknowledged"]);
    expect([...first.side.rolled].sort()).toEqual([1, 2]);
    await first.simulator.stop();

    const after = await flashes();
    for (const { pairing } of after) {
      expect(pairing?.packHalf).toEqual(nextHalf.publicKey);
      expect(pairing).not.toHaveProperty("nextPackHalf");
    }
    const second = await powered({ ...pack, packHalf: nextHalf }, after, directory.path);
    expect(second.side.readings).toBeGreaterThan(100);
    await second.simulator.stop();
  });

  it("opens a killed module to either half between the order and its proof", async () => {
    const pack = await stored();
    const killed = await powered(pack, await flashes(), directory.path);
    killed.simulator.bus.disturb(({ id }) => (id >>> 19 === 0x31a ? { bit: 50 } : undefined)); // no handshakes
    killed.side.roll(1, nextHalf);
    await killed.run(0.5);
    expect(killed.side.outcomes).toEqual(["key-roll acknowledged"]);
    const [module] = await flashes();
    expect(module?.pairing).toMatchObject({
      packHalf: pack.packHalf.publicKey,
      nextPackHalf: nextHalf.publicKey,
    });
    await killed.simulator.stop();
    const again = await powered(pack, await flashes(), directory.path);
    await again.simulator.stop();
  });

  it("takes an erase: silent at once, and unpaired after a restart, its counters kept for another pack", async () => {
    const pack = await stored();
    const first = await powered(pack, await flashes(), directory.path);
    const [module] = first.simulator.modules;
    first.side.order(1, { kind: "erase" });
    await first.run(0.1);
    expect(first.side.outcomes).toEqual(["erase acknowledged"]);
    expect([module!.linked, module!.state]).toEqual([false, "off"]);
    const heard: string[] = [];
    first.simulator.bus.tap((_frame, _time, from) => void heard.push(from));
    const off = first.simulator.inject({ fault: "brown-out", slots: [1] });
    await first.run(1);
    off();
    await first.run(30);
    expect(heard).not.toContain("module-1");
    expect(heard).toContain("module-2");
    const counted = module!.energyIn;
    expect(counted).toBeGreaterThan(1000);
    await first.simulator.stop();

    const after = await flashes();
    expect(after.map(({ pairing }) => pairing?.slot)).toEqual([2, undefined]);
    const second = await powered(pack, after, directory.path);
    expect(second.simulator.modules.map(({ slot }) => slot)).toEqual([2]);
    await second.simulator.stop();
    const third = await powered(pack, pack.modules, directory.path);
    expect(third.simulator.modules[0]!.energyIn).toBeGreaterThanOrEqual(counted);
    expect(third.simulator.modules.map(({ bootCounter }) => bootCounter)).toEqual([3, 3]);
    await third.simulator.stop();
  });

  it("lasts for the run where there is no folder: over a loss of supply", async () => {
    const pack = pairedPack(2, entropy);
    const { simulator, side, run } = await powered(pack, pack.modules);
    for (const at of [1, 2]) side.roll(at, nextHalf);
    await run(10);
    const off = simulator.inject({ fault: "brown-out" });
    await run(0.5);
    off();
    const before = side.sessions;
    await run(30);
    expect(side.sessions - before).toBe(2);
    expect(side.linked).toBe(2);
    expect(side.rejected).toEqual([]);
    await simulator.stop();
  });

  it("that cannot be written refuses, and all stays as it was", async () => {
    const pack = await stored();
    const { simulator, side, run } = await powered(pack, await flashes(), directory.path);
    // In the way of the file that is to replace the old one.
    for (const { uid } of pack.modules) {
      mkdirSync(join(directory.path, `module-${uid}.flash.new`));
    }
    side.roll(1, nextHalf);
    side.order(2, { kind: "erase" });
    await run(5);
    expect([...side.outcomes].sort()).toEqual(["erase failed", "key-roll failed"]);
    expect(side.linked).toBe(2);
    expect((await flashes()).every(({ pairing }) => pairing !== undefined)).toBe(true);
    await simulator.stop();
  });
});
