import { randomBytes } from "node:crypto";
import { type Clock, type Logger, milliwattHours, silentLogger } from "@wattseal/base";
import type { BusListener, CanBus } from "@wattseal/can-protocol";
import { DeviceHalf, inMemory } from "@wattseal/device-keys";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LctKeysError } from "@wattseal/lct-keys";
import { LogStore } from "@wattseal/tlog/store";
import { fleetName } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished } from "vitest";
import { HandTimeSource } from "./clock.fixture.js";
import { Gateway } from "./gateway.js";
import { FarSigner, unreachable } from "./ledger/signer.fixture.js";
import { makePack } from "./pack.fixture.js";

const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const MINUTE = 60_000;
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Nobody is on it. */
const emptyBus: CanBus = {
  info: { nominalBitRate: 500_000, dataBitRate: undefined },
  state: "active",
  send: () => true,
  listen: (_: BusListener) => () => {},
  close: () => {},
};

/** Nobody waits for the network here. */
const wallClock = (clock: Clock): Clock => ({
  now: () => clock.now(),
  at: (_, task) => {
    const soon = setImmediate(task);
    return () => clearImmediate(soon);
  },
});

async function pack() {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const { clock, document, trust, directory, statements } = made;
  const signer = new FarSigner(made.beginEpoch);
  const source = new HandTimeSource(clock);
  const half = DeviceHalf.generate(entropy);
  const lines: string[] = [];
  const note = (event: string) => void lines.push(event);
  const logger: Logger = { ...silentLogger, info: note, warn: note, error: note };
  const start = () =>
    Gateway.start({
      bus: emptyBus,
      clock,
      timeSource: source,
      wallClock: wallClock(clock),
      entropy,
      logger,
      directory,
      document,
      trust,
      statements,
      pairing: {
        packHash: document.packHash,
        packHalf: { reference: "test", publicKey: half.publicKey },
        modules: [],
      },
      custody: inMemory(half),
      openSigner: signer.open,
      telemetryHz: 5,
      storePairing: async () => {},
      source: "charger",
      fleet: fleetName("test"),
      uplinks: [],
    });
  /** Lets time pass as the simulator does: it waits while the gateway asks it to, and for the disk at each second. */
  const pass = async (ms: number, gateway: Gateway) => {
    for (let left = ms; left > 0; left -= 1000) {
      await clock.pass(Math.min(1000, left), () => gateway.ready());
      await turn();
    }
  };
  const types = async () => {
    const store = await LogStore.openReadOnly({ directory });
    return [...store.entries()].map((bytes) => {
      const { type, body } = decodeEntry(bytes);
      return type === "link.alarm" ? `alarm ${(body as { alarm: string }).alarm}` : type;
    });
  };
  return { signer, source, start, pass, types, lines };
}

/** Turns of the event loop until it holds; time stands still meanwhile. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 10_000 && !holds(); turns += 1) {
    await turn();
  }
}

describe("a gateway whose signer is away", () => {
  it("starts, says since when nobody signs, and enters what it has to once the signer comes", async () => {
    const { signer, start, pass, types, lines } = await pack();
    signer.away = unreachable();
    const gateway = await start();
    const { unsigned, time, entries } = gateway.status();
    expect(unsigned).toEqual({ since: time, reason: "no signer answers" });
    expect(entries).toBe(1);
    await pass(3 * MINUTE, gateway);
    expect(gateway.status()).toMatchObject({ entries: 1, refusedEntries: 0, unsigned });
    await expect(
      gateway.society.reserve({
        amount: milliwattHours(1),
        worker: gateway.status().lct,
        task: "t",
        order: undefined,
      }),
    ).rejects.toMatchObject({ code: "busy" });

    signer.away = undefined;
    await pass(61_000, gateway);
    await until(() => gateway.status().unsigned === undefined);
    await pass(11_000, gateway);
    await gateway.stop(0);
    const seen = await types();
    expect(seen.slice(0, 6)).toEqual([
      "lct.document",
      "epoch.begin",
      "ops.clock",
      "society.policy",
      "society.mint",
      "society.source",
    ]);
    expect(seen).toContain("alarm unsigned");
    expect(seen.at(-1)).toBe("epoch.end");
    expect(lines.filter((line) => line === "signer.away")).toHaveLength(1);
    expect(lines.filter((line) => line === "signer.back")).toHaveLength(1);
  });

  it("stopped before it comes, can start again, and once more after that", async () => {
    const { signer, start, pass, types } = await pack();
    signer.away = unreachable();
    for (let run = 0; run < 2; run += 1) {
      const gateway = await start();
      await pass(MINUTE, gateway);
      const final = await gateway.stop(1000);
      expect(final).toMatchObject({ entries: 1, stopped: undefined, refusedEntries: 0 });
    }
    signer.away = undefined;
    const gateway = await start();
    expect(gateway.status().unsigned).toBeUndefined();
    await gateway.stop(0);
    expect((await types()).filter((type) => type === "lct.document")).toHaveLength(1);
  });

  it("records on when the signer dies, and leaves its epoch open at a stop, so that the next start records too", async () => {
    const { signer, source, start, pass, types } = await pack();
    const first = await start();
    await pass(11_000, first);
    signer.die();
    source.step(5000);
    await pass(MINUTE, first);
    await until(() => first.status().unsigned !== undefined);
    expect(first.status()).toMatchObject({ stopped: undefined, refusedEntries: 0 });
    await first.stop(1000);
    expect((await types()).at(-1)).not.toBe("epoch.end");

    const second = await start();
    const { entries } = second.status();
    expect(second.status().unsigned).toBeDefined();
    await pass(2 * MINUTE, second);
    expect(second.status().entries).toBeGreaterThanOrEqual(entries);
    signer.away = undefined;
    await pass(61_000, second);
    await until(() => second.status().unsigned === undefined);
    const final = await second.stop(0);
    expect(final).toMatchObject({ stopped: undefined, refusedEntries: 0 });
    expect((await types()).filter((type) => type === "epoch.begin")).toHaveLength(2);
  });

  it("leaves its epoch open also where it is the stop that finds the signer gone", async () => {
    const { signer, source, start, types } = await pack();
    const gateway = await start();
    signer.die();
    source.step(5000);
    const final = await gateway.stop(1000);
    expect(final).toMatchObject({ stopped: undefined, refusedEntries: 0 });
    expect((await types()).at(-1)).not.toBe("epoch.end");
  });

  it("does not start where the signer's state contradicts the log", async () => {
    const { signer, start, types } = await pack();
    signer.away = new LctKeysError("state-rolled-back", "the counter is behind");
    await expect(start()).rejects.toThrow("the counter is behind");
    expect(await types()).toEqual(["lct.document"]);
  });
});
