import { readFileSync } from "node:fs";
import { millis, moduleUid } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import { VirtualBus } from "../bus/virtual-bus.js";
import { PackSide, pairedPack } from "../pack-side.fixture.js";
import { type Simulator, startSimulator } from "../simulator.js";
import { START, seededEntropy, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { DOCS } from "./reference/bodies.fixture.js";
import { unhex } from "./reference/crypto.fixture.js";
import { FAULTS, type Fault } from "./reference/faults.fixture.js";
import { ForeignModule } from "./reference/foreign-module.fixture.js";
import { CONFORMANCE_POINTS, type ConformanceReport, runConformance } from "./runner.js";

const ON = 3;
const CLASSIC = { nominalBitRate: 500_000, dataBitRate: undefined };
const FD = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };

const idsOf = ({ points }: ConformanceReport, verdict: string) =>
  points.filter((point) => point.verdict === verdict).map(({ id }) => id);

interface Run {
  readonly fd?: boolean;
  readonly highestState?: number;
  readonly keyRoll?: boolean;
  readonly erase?: boolean;
  /** A gateway of the same pack is there too. */
  readonly crowded?: boolean;
  readonly reset?: (simulator: Simulator) => () => boolean;
}

async function trySimModule(run: Run): Promise<ConformanceReport> {
  const { fd = false, highestState = ON, keyRoll = false, erase = false, reset } = run;
  const entropy = seededEntropy("conformance");
  const pack = pairedPack(1, entropy);
  const sim = await startSimulator({
    modules: pack.modules,
    drive: { kind: "idle" },
    entropy,
    wall: new VirtualWall(),
    startTime: START,
    fd,
  });
  const [{ uid, half, pairing }] = pack.modules as [(typeof pack.modules)[number]];
  if (run.crowded === true) {
    new PackSide({ bus: sim.bus.attach({ name: "gateway" }), clock: sim.kernel, entropy, pack });
  }
  const running = runConformance({
    bus: sim.bus.attach({ name: "tester" }),
    clock: sim.kernel,
    entropy,
    keyRoll,
    erase,
    ...(reset === undefined ? {} : { reset: () => reset(sim) }),
    pairing: {
      packHash: pack.packHash,
      packHalf: pack.packHalf,
      module: { uid, half: half.publicKey, slot: pairing!.slot, busId: pairing!.busId },
      federationHalf: pack.federation,
    },
    fd,
    highestState,
  }).finally(() => sim.kernel.stop());
  try {
    const [report] = await Promise.all([running, sim.run()]);
    return report;
  } finally {
    await sim.stop();
  }
}

describe("our simulated module", () => {
  it.each([false, true])("passes every point that needs no hand (FD %s)", async (fd) => {
    const report = await trySimModule({ fd });
    expect(report.points.filter(({ verdict }) => verdict === "failed")).toEqual([]);
    expect(idsOf(report, "not-observed")).toEqual([
      "reset.boot",
      "pairing.key-roll",
      "pairing.erase",
    ]);
  });

  it("is never let out of Off unless that is allowed, and passes what can be seen there", async () => {
    const report = await trySimModule({ highestState: 0 });
    expect(idsOf(report, "failed")).toEqual([]);
    expect(idsOf(report, "not-observed")).toContain("command.limit");
  });

  it("passes every point there is, with a key-roll, an erase, and a reset that takes its time", async () => {
    const report = await trySimModule({
      keyRoll: true,
      erase: true,
      reset: (sim) => {
        sim.kernel.at(millis(sim.kernel.now() + 90_000), () => {
          const restore = sim.inject({ fault: "brown-out" });
          sim.kernel.at(millis(sim.kernel.now() + 500), restore);
        });
        return () => false;
      },
    });
    expect(report.points.filter(({ verdict }) => verdict !== "passed")).toEqual([]);
  });

  it("that nobody resets in time is not held to what follows a reset", async () => {
    let asked = 0;
    const report = await trySimModule({
      reset: () => () => {
        asked += 1;
        return asked > 200;
      },
    });
    expect(idsOf(report, "failed")).toEqual([]);
    expect(report.points.find(({ id }) => id === "reset.boot")).toMatchObject({
      verdict: "not-observed",
      seen: "the module was not reset",
    });
  });

  it("is not tried beside another pack", async () => {
    await expect(trySimModule({ crowded: true })).rejects.toMatchObject({
      code: "foreign-pack",
      kind: "usage",
      message: expect.stringMatching(/another pack speaks on this bus: .* 0x[0-9a-f]{8}, slot 1/),
    });
  });
});

const pairing = JSON.parse(readFileSync(new URL("vectors/pairing.json", DOCS), "utf8"));
const [bench] = pairing.modules;

interface Trial {
  readonly fd?: boolean;
  readonly fault?: Fault;
  readonly withoutErase?: boolean;
  /** Nobody is there. */
  readonly absent?: boolean;
}

async function tryForeignModule({
  fd = false,
  fault,
  withoutErase = false,
  absent = false,
}: Trial) {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const bus = new VirtualBus(kernel, fd ? FD : CLASSIC);
  const entropy = seededEntropy("foreign");
  const listener = bus.attach({ name: "bystander" });
  const module = new ForeignModule({
    bus: bus.attach({ name: "module" }),
    clock: kernel,
    identity: {
      packHash: unhex(pairing.packHash),
      uid: unhex(bench.uid),
      slot: bench.slot,
      busId: bench.busId,
      moduleSecret: unhex(bench.secret),
      packHalf: unhex(pairing.packHalf),
    },
    federationHalf: unhex(pairing.federationHalf),
    fd,
    withoutErase,
    random: (length) => entropy.bytes(length),
    ...(fault === undefined ? {} : { fault }),
  });
  if (absent) module.stop();
  const running = runConformance({
    bus: bus.attach({ name: "tester" }),
    clock: kernel,
    entropy,
    pairing: {
      packHash: unhex(pairing.packHash),
      packHalf: DeviceHalf.fromSecret(unhex(pairing.packSecret)),
      module: {
        uid: moduleUid(bench.uid),
        slot: bench.slot,
        busId: bench.busId,
        half: unhex(bench.half),
      },
      federationHalf: DeviceHalf.fromSecret(unhex(pairing.federationSecret)),
    },
    fd,
    highestState: ON,
    reset: () => {
      module.reset();
      return () => true;
    },
    keyRoll: true,
    erase: true,
  }).finally(() => kernel.stop());
  const [report] = await Promise.all([running, kernel.run()]);
  module.stop();
  listener.close();
  return report;
}

describe("a module written from docs/firmware alone", () => {
  it.each([false, true])("passes every point (FD %s)", async (fd) => {
    const report = await tryForeignModule({ fd });
    expect(report.points.filter(({ verdict }) => verdict !== "passed")).toEqual([]);
    expect(report.passed).toBe(CONFORMANCE_POINTS.length);
  });

  it.each(Object.entries(FAULTS))("that %s fails %s, and nothing else", async (fault, point) => {
    const report = await tryForeignModule({ fault: fault as Fault });
    const failures = report.points.filter(({ verdict }) => verdict === "failed");
    expect(failures.map(({ id, seen }) => `${id}: ${seen}`)).toEqual([
      expect.stringMatching(new RegExp(`^${point}: `)),
    ]);
  });

  it("may do without erase", async () => {
    const report = await tryForeignModule({ withoutErase: true });
    expect(report.points.filter(({ verdict }) => verdict !== "passed")).toEqual([
      expect.objectContaining({
        id: "pairing.erase",
        verdict: "not-observed",
        seen: "outcome unsupported",
      }),
    ]);
  });

  it("that is not there fails the first points, and leaves the rest unobserved", async () => {
    const report = await tryForeignModule({ absent: true });
    expect(idsOf(report, "failed")).toEqual([
      "hello.form",
      "handshake.answer",
      "handshake.authentic",
    ]);
    expect(report.points[0]!.seen).toBe(`no hello in a minute; one with uid ${bench.uid} was due`);
    expect(idsOf(report, "passed")).toEqual([]);
  });
});

it("docs/firmware/conformance.md has every point, in the order of a run", () => {
  const page = readFileSync(new URL("conformance.md", DOCS), "utf8");
  const rows = CONFORMANCE_POINTS.map(
    ({ id, requirement, section }) => `| ${id} | ${requirement} | ${section} |`,
  );
  expect(page.split("## Points")[1]).toContain(rows.join("\n"));
});

it("every section that a point names is there", () => {
  const pages = Object.fromEntries(
    ["link", "messages", "pairing"].map((name) => [
      name,
      readFileSync(new URL(`${name}.md`, DOCS), "utf8").toLowerCase(),
    ]),
  );
  for (const { id, section } of CONFORMANCE_POINTS) {
    const [page = "", ...rest] = section.split(/ |, /);
    expect(pages[page], id).toBeDefined();
    const numbers = section.match(/§(\d+)/g) ?? [];
    for (const number of numbers) expect(pages[page], id).toContain(`\n## ${number.slice(1)}. `);
    if (page === "pairing") expect(pages[page], id).toContain(`\n## ${rest.join(" ")}\n`);
    if (rest[0] === "type") expect(pages[page], id).toContain(`\n### ${rest[1]} `);
  }
});
