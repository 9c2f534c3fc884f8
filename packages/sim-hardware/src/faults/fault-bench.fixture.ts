import { millis } from "@wattseal/base";
import type { Telemetry } from "@wattseal/can-protocol";
import { PackSide, pairedPack } from "../pack-side.fixture.js";
import { type Drive, type SimulatorOptions, startSimulator } from "../simulator.js";
import { START, seededEntropy, VirtualWall } from "../testing.fixture.js";

/** Wall time for long runs, on a machine that is busy. */
export const PATIENCE = 60_000;

/** Charges every module with about 2 kW. */
export const charging = (count: number): Drive => ({ kind: "constant", watts: 2000 * count });

/**
 * A pack on its bus and the pack's side of every link, in which each accepted reading is held against what the
 * module's own meter shows: a counter that no module ever had, or that runs backwards in one boot, ends up in
 * `wrong`.
 */
export async function faultBench(
  options: Partial<SimulatorOptions> & { readonly count?: number; readonly name?: string } = {},
) {
  const { count = 4, name = "faults", ...rest } = options;
  const entropy = seededEntropy(name);
  const pack = pairedPack(count, entropy);
  const simulator = await startSimulator({
    modules: pack.modules,
    drive: charging(count),
    entropy,
    wall: new VirtualWall(),
    startTime: START,
    ...rest,
  });
  const { kernel, bus, modules } = simulator;
  const node = bus.attach({ name: "gateway", mailboxes: 8 });
  const side = new PackSide({ bus: node, clock: kernel, entropy, pack, fd: rest.fd ?? false });
  const wrong: string[] = [];
  const last = new Map<number, Telemetry>();
  side.onReading = (at, telemetry) => {
    const before = last.get(at);
    last.set(at, telemetry);
    const module = modules.find(({ slot }) => slot === at)!;
    if (telemetry.inMwh > module.energyIn && telemetry.boot === module.bootCounter) {
      wrong.push(`slot ${at}: ${telemetry.inMwh} mWh before the module counted them`);
    }
    if (before === undefined || before.boot !== telemetry.boot) return;
    if (telemetry.inMwh < before.inMwh || telemetry.tick <= before.tick) {
      wrong.push(`slot ${at}: back from ${before.inMwh} to ${telemetry.inMwh} mWh`);
    }
  };
  const run = (seconds: number): Promise<void> =>
    simulator.run({ until: millis(kernel.now() + Math.round(1000 * seconds)) });
  /** Takes the pack's side off the bus. */
  const leave = () => {
    side.stop();
    node.close();
  };
  return { simulator, kernel, bus, node, modules, side, pack, wrong, run, leave };
}
