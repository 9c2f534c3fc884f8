import { moduleUid, silentLogger } from "@wattseal/base";
import { decodeEntry, SNAPSHOT_SPACING } from "@wattseal/energy-ledger";
import { LctKeysError } from "@wattseal/lct-keys";
import { verifyCheckpoint } from "@wattseal/tlog";
import { describe, expect, it, onTestFinished } from "vitest";
import { HandTimeSource } from "../clock.fixture.js";
import { makePack } from "../pack.fixture.js";
import type { EnergyLog } from "./energy-log.js";
import type { Draft } from "./energy-log-options.js";
import { EpochKeeper } from "./epoch-keeper.js";
import { LogWriter } from "./log-writer.js";
import { Pruner } from "./pruner.js";
import { FarSigner, rationed, unreachable } from "./signer.fixture.js";

const uid = moduleUid("5701000000000001");
const alarm = (detail: string): Draft => ({
  type: "link.alarm",
  body: { module: uid, slot: undefined, alarm: "test", count: 1, detail },
});
const DAY = 24 * 3600 * 1000;

async function pack() {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const signer = new FarSigner(made.beginEpoch);
  const { clock, openLog, loadPending } = made;
  const source = new HandTimeSource(clock);

  /** One run of a gateway, as far as its log goes. */
  const run = async () => {
    const log = await openLog({ openSigner: signer.open });
    onTestFinished(() => log.close().catch(() => {}));
    const writer = new LogWriter({ log, clock, logger: silentLogger });
    const told: string[] = [];
    const keeper = new EpochKeeper({
      log,
      writer,
      clock,
      steady: clock,
      timeSource: source,
      delivery: { receipt: undefined, epochRenewed: () => void told.push("epoch") },
      enterNew: async () => {
        await log.append(alarm("new"));
      },
      closeEarly: () => {},
      onUnsigned: (reason) => void told.push(reason),
      logger: silentLogger,
    });
    const signed: number[] = [];
    await log.prepare({
      pending: loadPending(log),
      onSigned: (size) => void signed.push(size),
      onAway: (error) => keeper.lost(error),
    });
    return { log, writer, keeper, told, signed };
  };
  /** Lets time pass, and whatever falls due in it. */
  const pass = async (ms: number, { keeper, log, writer }: Awaited<ReturnType<typeof run>>) => {
    for (const until = clock.now() + ms; clock.now() < until; ) {
      clock.advance(Math.min(1000, until - clock.now()));
      await log.settled();
      await keeper.running;
      await writer.settled();
    }
  };
  return { ...made, signer, run, pass, source };
}

const entriesOf = (log: EnergyLog) =>
  [...log.store.entries()].map((bytes) => {
    const { type, body } = decodeEntry(bytes);
    return type === "link.alarm" ? (body as { detail: string }).detail : type;
  });

describe("a signer that is away at the start", () => {
  it("of a new log: nothing but the LCT document is entered before the first epoch, and what came waits in its order", async () => {
    const { signer, run, pass } = await pack();
    signer.away = unreachable();
    const here = await run();
    await here.keeper.start();
    expect(here.keeper.unsigned).toMatchObject({ reason: "no signer answers" });
    expect(here.told).toEqual(["no signer answers"]);
    for (const detail of ["a", "b"])
      here.writer.inTurn(() => void here.writer.record(alarm(detail)));
    await pass(120_000, here);
    expect(entriesOf(here.log)).toEqual(["lct.document"]);
    signer.away = undefined;
    await pass(61_000, here);
    expect(entriesOf(here.log)).toEqual([
      "lct.document",
      "epoch.begin",
      "ops.clock",
      "new",
      "a",
      "b",
    ]);
    expect(here.keeper.unsigned).toBeUndefined();
    expect(here.told).toEqual(["no signer answers", "epoch"]);
    await pass(11_000, here);
    expect(here.signed).toEqual([here.log.store.durableSize]);
  });

  it("after a crash: entries go on under the old epoch, the clock's standing first, and the next epoch's first checkpoint covers them", async () => {
    const { signer, run, pass, document } = await pack();
    const crashed = await run();
    await crashed.keeper.start();
    await crashed.log.append(alarm("before"));
    await crashed.log.close();

    signer.away = unreachable();
    const here = await run();
    await here.keeper.start();
    here.writer.inTurn(() => void here.writer.record(alarm("unsigned")));
    await here.writer.settled();
    await pass(3_600_000, here);
    expect(entriesOf(here.log).slice(-4)).toEqual(["before", "ops.clock", "new", "unsigned"]);
    expect(here.signed).toEqual([]);
    expect(here.log.epochEvidence).toBeUndefined();

    signer.away = undefined;
    await pass(61_000, here);
    await pass(11_000, here);
    expect(entriesOf(here.log).slice(-3)).toEqual(["unsigned", "epoch.begin", "ops.clock"]);
    const { head, durableSize } = here.log.store;
    expect(here.signed).toEqual([durableSize]);
    const key = here.log.own.keyAt(durableSize)!;
    expect(verifyCheckpoint(head!.note, { name: document.origin, publicKey: key }).size).toBe(
      durableSize,
    );
    await here.log.close();
    const again = await run();
    expect(again.log.fold.size).toBe(durableSize);
  });

  it("after an end: what does not fit is let go, orders are turned away, and the log goes on with the next epoch", async () => {
    const { signer, run, pass } = await pack();
    const ended = await run();
    await ended.keeper.start();
    await ended.log.endEpoch("shutdown");
    await ended.log.close();

    signer.away = unreachable();
    const here = await run();
    await here.keeper.start();
    expect(here.log.accepting).toBe(false);
    expect(here.writer.waiting).toBe(true);
    const order = here.writer.turn(
      () => Promise.resolve(),
      () => new Error("full"),
    );
    await expect(order).rejects.toThrow(/waits for its signer/);
    let fitted = 0;
    for (let n = 0; n < 10_000; n += 1) if (here.writer.inTurn(() => {})) fitted += 1;
    expect(fitted).toBeLessThan(10_000);
    expect(here.writer.unwritten).toBe(fitted);
    signer.away = undefined;
    await pass(61_000, here);
    expect(here.writer.unwritten).toBe(0);
    const entered = ["epoch.end", "epoch.begin", "ops.clock", "new", "ops.loss"];
    expect(entriesOf(here.log).slice(-5)).toEqual(entered);
    expect(
      await here.writer.turn(
        async () => "taken",
        () => new Error("full"),
      ),
    ).toBe("taken");
  });

  it("turns away who began to wait before it was known to be away, and does none of it later", async () => {
    const { signer, run, pass } = await pack();
    signer.away = unreachable();
    const here = await run();
    const started = here.keeper.start();
    let isDone = false;
    const order = here.writer.turn(
      async () => {
        isDone = true;
      },
      () => new Error("full"),
    );
    here.writer.inTurn(() => void here.writer.record(alarm("kept")));
    await Promise.all([started, expect(order).rejects.toThrow(/waits for its signer/)]);
    signer.away = undefined;
    await pass(61_000, here);
    expect(entriesOf(here.log).at(-1)).toBe("kept");
    expect(isDone).toBe(false);
  });

  it("is asked again with back-off, and no sooner than it says", async () => {
    const { signer, run, pass } = await pack();
    signer.away = unreachable();
    const here = await run();
    await here.keeper.start();
    await pass(600_000, here);
    expect(signer.asked).toBeGreaterThan(10);
    expect(signer.asked).toBeLessThan(20);
    expect(here.told).toHaveLength(1);

    signer.away = rationed(500_000);
    await pass(61_000, here);
    const { asked } = signer;
    signer.away = undefined;
    await pass(490_000 - 61_000, here);
    expect(signer.asked).toBe(asked);
    await pass(80_000, here);
    expect(signer.asked).toBe(asked + 1);
    expect(here.log.signing).toBe(true);
  });

  it("is told apart from one whose state contradicts the log: that start is refused, and nothing is entered", async () => {
    const { signer, run } = await pack();
    signer.away = new LctKeysError("state-rolled-back", "the counter is behind");
    const here = await run();
    await expect(here.keeper.start()).rejects.toThrow("the counter is behind");
    expect(entriesOf(here.log)).toEqual(["lct.document"]);
  });

  it("stops what waits for it when the gateway stops, and leaves the epoch open for the next start", async () => {
    const { signer, run, pass } = await pack();
    const first = await run();
    await first.keeper.start();
    signer.die();
    await first.log.append(alarm("a"));
    await pass(11_000, first);
    await first.keeper.stop();
    const { asked } = signer;
    await first.log.endEpoch("shutdown");
    await first.log.close();
    await pass(200_000, first);
    expect(signer.asked).toBe(asked);
    const here = await run();
    await here.keeper.start();
    expect(here.log.accepting).toBe(true);
    expect(entriesOf(here.log)).not.toContain("epoch.end");
    expect(entriesOf(here.log).slice(-3)).toEqual(["a", "ops.clock", "new"]);
  });

  it("is found out by the stop also where everything was signed: the epoch stays open", async () => {
    const { signer, run, pass } = await pack();
    const first = await run();
    await first.keeper.start();
    await first.log.append(alarm("a"));
    await pass(11_000, first);
    expect(first.signed).toEqual([first.log.store.durableSize]);
    signer.die();
    await first.keeper.stop();
    await first.log.endEpoch("shutdown");
    await first.log.close();
    const here = await run();
    await here.keeper.start();
    expect(here.log.accepting).toBe(true);
    expect(entriesOf(here.log)).not.toContain("epoch.end");
  });
});

describe("a signer that dies while the gateway runs", () => {
  it("stops signing, not acceptance; its next epoch signs what was acknowledged meanwhile", async () => {
    const { signer, run, pass } = await pack();
    const here = await run();
    await here.keeper.start();
    await here.log.append(alarm("a"));
    await pass(11_000, here);
    const first = here.signed.at(-1)!;
    signer.die();
    for (let n = 0; n < 1000; n += 1) await here.log.append(alarm(`${n}`));
    await pass(60_000, here);
    expect(here.keeper.unsigned?.reason).toBe("no signer answers");
    expect(here.told).toEqual(["epoch", "no signer answers"]);
    expect(here.log.stopped).toBeUndefined();
    expect(here.signed.at(-1)).toBe(first);
    signer.away = undefined;
    await pass(75_000, here);
    expect(here.keeper.unsigned).toBeUndefined();
    expect(here.signed.at(-1)).toBe(here.log.store.durableSize);
    expect(here.signed.toSorted((a, b) => a - b)).toEqual(here.signed);
    expect(entriesOf(here.log).filter((type) => type === "epoch.begin")).toHaveLength(2);
    const kept = new Set(entriesOf(here.log));
    for (let n = 0; n < 1000; n += 1) expect(kept.has(`${n}`)).toBe(true);
  });

  it("after it had signed and before it answered: the next head is a later one, of the next epoch", async () => {
    const { signer, run, pass } = await pack();
    const here = await run();
    await here.keeper.start();
    signer.diesSigning = true;
    await here.log.append(alarm("a"));
    await pass(11_000, here);
    expect(here.signed).toEqual([]);
    signer.away = undefined;
    await pass(20_000, here);
    expect(here.signed.at(-1)).toBe(here.log.store.durableSize);
  });

  it("between an epoch's end and the next one's begin: nothing is appended in between, and a later try begins it", async () => {
    const { signer, run, pass, clock } = await pack();
    const here = await run();
    await here.keeper.start();
    clock.advance(30 * DAY + 1);
    signer.diesBeginning = true;
    here.keeper.whenDue();
    await here.keeper.running;
    here.writer.inTurn(() => void here.writer.record(alarm("held")));
    await pass(30_000, here);
    expect(entriesOf(here.log).at(-1)).toBe("epoch.end");
    expect(here.log.stopped).toBeUndefined();
    signer.away = undefined;
    await pass(61_000, here);
    expect(entriesOf(here.log).slice(-4)).toEqual([
      "epoch.end",
      "epoch.begin",
      "ops.clock",
      "held",
    ]);
  });

  it("and stays away past the epoch's 31 days: entries wait from then on, and none is refused", async () => {
    const { signer, run, pass, clock } = await pack();
    const here = await run();
    await here.keeper.start();
    signer.die();
    await here.log.append(alarm("a"));
    await pass(11_000, here);
    clock.jump(32 * DAY);
    here.keeper.whenDue();
    here.writer.inTurn(() => void here.writer.record(alarm("late")));
    expect(here.writer.waiting).toBe(true);
    expect(here.writer.refused).toBe(0);
    signer.away = undefined;
    await pass(61_000, here);
    expect(entriesOf(here.log).slice(-3)).toEqual(["epoch.begin", "ops.clock", "late"]);
  });

  it("and comes back while the disk is short: what makes room enters nothing before the epoch has begun", async () => {
    const { signer, run, pass, document, trust } = await pack();
    const here = await run();
    const { log, writer } = here;
    await here.keeper.start();
    signer.die();
    await log.append(...Array<Draft>(SNAPSHOT_SPACING).fill(alarm("a")));
    await pass(11_000, here);
    expect(here.keeper.unsigned).toBeDefined();
    const destinations = [{ name: "federation.example", publicKeys: [new Uint8Array(32)] }];
    const rules = { log, writer, document, trust, destinations, logger: silentLogger };
    const pruner = new Pruner({ ...rules, keepMs: undefined });
    signer.away = undefined;
    signer.beginning = async () => void (await pruner.makeRoom());
    await pass(61_000, here);
    expect(log.stopped).toBeUndefined();
    expect(entriesOf(log).slice(-3)).toEqual(["epoch.begin", "ops.clock", "ops.snapshot"]);
  });

  it("is not asked for an epoch while another one's renewal is due and nobody signs", async () => {
    const { signer, run, pass, clock } = await pack();
    const here = await run();
    await here.keeper.start();
    signer.die();
    await here.log.append(alarm("a"));
    await pass(11_000, here);
    clock.jump(30 * DAY + 1);
    const { asked } = signer;
    here.keeper.whenDue();
    await here.keeper.running;
    expect(signer.asked).toBe(asked);
  });
});

describe("a kill", () => {
  /** Each leaves the log as a kill leaves it: nothing is ended, nothing more is signed. */
  const steps: Record<string, (here: Here, signer: FarSigner) => Promise<void>> = {
    "before the first try": async () => {},
    "while the signer is away": async (here, signer) => {
      signer.away = unreachable();
      await here.keeper.start();
      if (here.log.accepting) await here.log.append(alarm("mine"));
    },
    "when the epoch was claimed, and not entered": async (here, signer) => {
      signer.diesBeginning = true;
      await here.keeper.start();
    },
    "when the epoch was entered, and nothing signed": async (here) => {
      await here.keeper.start();
      await here.log.append(alarm("mine"));
    },
    "when a head was signed, and not kept": async (here, signer) => {
      await here.keeper.start();
      await here.log.append(alarm("mine"));
      signer.diesSigning = true;
      await here.log.flush();
    },
    "when the signer had died and come back": async (here, signer) => {
      await here.keeper.start();
      signer.die();
      await here.log.append(alarm("mine"));
      await here.log.flush();
      signer.away = undefined;
    },
  };
  type Here = Awaited<ReturnType<Awaited<ReturnType<typeof pack>>["run"]>>;

  it.each(
    Object.keys(steps).flatMap((step) => ["new", "crashed", "ended"].map((log) => [step, log])),
  )("%s, of a log that is %s, loses nothing that was acknowledged", async (step, kind) => {
    const { signer, run, pass } = await pack();
    if (kind !== "new") {
      const before = await run();
      await before.keeper.start();
      await before.log.append(alarm("earlier"));
      if (kind === "ended") await before.log.endEpoch("shutdown");
      await before.log.close();
    }
    const killed = await run();
    await steps[step]!(killed, signer);
    const entered = entriesOf(killed.log).slice(0, killed.log.store.durableSize);
    await killed.keeper.stop();
    await killed.log.close();

    signer.away = undefined;
    const here = await run();
    expect(entriesOf(here.log)).toEqual(entered);
    await here.keeper.start();
    await here.log.append(alarm("after"));
    await pass(11_000, here);
    expect(entriesOf(here.log).slice(0, entered.length)).toEqual(entered);
    expect(here.signed.at(-1)).toBe(here.log.store.durableSize);
    expect(here.log.stopped).toBeUndefined();
  });
});
