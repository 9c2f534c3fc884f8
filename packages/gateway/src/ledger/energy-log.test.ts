import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, moduleUid, slot } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { leafBytes } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished } from "vitest";
import { makePack } from "../pack.fixture.js";
import type { Draft } from "./energy-log-options.js";

const uid = moduleUid("5701000000000001");
const alarm = (detail: string): Draft => ({
  type: "link.alarm",
  body: { module: uid, slot: slot(1), alarm: "test", count: 1, detail },
});

async function begun() {
  const pack = await makePack((cleanUp) => onTestFinished(cleanUp));
  const log = await pack.openLog();
  const signed: number[] = [];
  await pack.begin(log, (size) => {
    signed.push(size);
  });
  onTestFinished(() => log.close().catch(() => {}));
  return { ...pack, log, signed };
}

describe("the pack's log", () => {
  it("starts with the LCT document and the epoch", async () => {
    const { log } = await begun();
    const types = [...log.store.entries()].map((bytes) => decodeEntry(bytes).type);
    expect(types).toEqual(["lct.document", "epoch.begin", "ops.clock"]);
  });

  it("signs 10 s after the first entry, at 256 entries, at 48 KiB, and at the end of the epoch", async () => {
    const { log, signed, clock } = await begun();
    clock.advance(9_999);
    await log.settled();
    expect(signed).toEqual([]);
    clock.advance(1);
    await log.settled();
    expect(signed).toEqual([3]);

    for (let i = 0; i < 256; i += 1) void log.append(alarm("x"));
    await log.append(alarm("one more"));
    await log.settled();
    expect(signed).toEqual([3, 259]);

    const large = "y".repeat(200);
    let bytes = 0;
    let entries = 0;
    while (bytes < 2 * 48 * 1024) {
      const index = await log.append(alarm(large));
      bytes += log.store.entry(index).length;
      entries += 1;
    }
    await log.settled();
    expect(signed.length).toBeGreaterThanOrEqual(3);
    expect(entries).toBeGreaterThan(256);

    await log.endEpoch("shutdown");
    expect(signed.at(-1)).toBe(log.store.durableSize);
    expect(unverifiedCheckpoint(log.store.head!.note).size).toBe(log.store.durableSize);
  });

  it("writes nothing that the rules refuse, and goes on", async () => {
    const { log } = await begun();
    const before = log.store.size;
    await expect(
      log.append({ type: "link.unpaired", body: { module: uid, reason: "never-was" } }),
    ).rejects.toThrow(/not paired/);
    expect(log.store.size).toBe(before);
    expect(await log.append(alarm("after"))).toBe(before);
  });

  it("keeps what came before a refused entry of the same append", async () => {
    const { log } = await begun();
    const before = log.store.size;
    const refused = log.append(alarm("kept"), {
      type: "link.unpaired",
      body: { module: uid, reason: "never-was" },
    });
    await expect(refused).rejects.toThrow(/not paired/);
    expect(log.store.durableSize).toBe(before + 1);
    expect(log.fold.size).toBe(before + 1);
  });

  it("goes on after a restart where it ended, under a new epoch", async () => {
    const pack = await makePack((cleanUp) => onTestFinished(cleanUp));
    const first = await pack.openLog();
    await pack.begin(first);
    await first.append(alarm("before"));
    await first.endEpoch("shutdown");
    const size = first.store.durableSize;
    await first.close();

    pack.clock.advance(1000);
    const again = await pack.openLog();
    onTestFinished(() => again.close());
    expect(again.fold.size).toBe(size);
    await pack.begin(again);
    expect(decodeEntry(again.store.entry(size)).type).toBe("epoch.begin");
    expect(again.fold.epoch?.epoch).toBeGreaterThan(1);
  });

  it("renews its epoch before the old one is too old, and signs on under the new key", async () => {
    const { log, clock, signed } = await begun();
    const before = log.own.keyAt(2);
    clock.advance(30 * 24 * 3600 * 1000);
    await log.renewEpoch(undefined);
    await log.append(alarm("in the new epoch"));
    clock.advance(10_000);
    await log.settled();
    expect(signed.at(-1)).toBe(log.store.durableSize);
    expect(log.own.keyAt(log.store.durableSize)).not.toEqual(before);
  });

  it("goes on under a new epoch when the clock was set past the end of the old one", async () => {
    const { log, clock, signed } = await begun();
    await log.append(alarm("unsigned when the clock jumps"));
    clock.jump(40 * 24 * 3600 * 1000);
    expect(log.epochExpired).toBe(true);
    await expect(log.append(alarm("too late"))).rejects.toThrow(/expired/);
    await log.renewEpoch(undefined);
    await log.append(alarm("in the new epoch"));
    await log.flush();
    expect(log.stopped).toBeUndefined();
    expect(signed.at(-1)).toBe(log.store.durableSize);
  });

  it("goes on the same when the clock is set while a checkpoint is being signed", async () => {
    const { log, clock, signed } = await begun();
    await log.append(alarm("about to be signed"));
    const flushed = log.flush();
    clock.jump(40 * 24 * 3600 * 1000);
    await flushed;
    expect(signed.at(-1) ?? 0).toBeLessThan(log.store.durableSize);
    expect(log.stopped).toBeUndefined();
    await log.renewEpoch(undefined);
    await log.append(alarm("in the new epoch"));
    await log.flush();
    expect(log.stopped).toBeUndefined();
    expect(signed.at(-1)).toBe(log.store.durableSize);
  });

  it("signs under its first checkpoint what the last run left unsigned", async () => {
    const { log, openLog, begin, clock } = await begun();
    for (let i = 0; i < 20; i += 1) await log.append(alarm("left behind"));
    await log.close();
    const again = await openLog();
    onTestFinished(() => again.close());
    const pending = await begin(again);
    clock.advance(10_000);
    await again.settled();
    const { newest } = pending;
    expect(newest?.size).toBe(again.store.durableSize);
    expect(newest?.bytes).toBe(leafBytes(again.store.entries()));
  });

  it("refuses a head in which any single bit was flipped, naming the file", {
    timeout: 120_000,
  }, async () => {
    const { log, directory, openLog } = await begun();
    await log.endEpoch("shutdown");
    await log.close();
    const path = join(directory, "checkpoint");
    const whole = await readFile(path);
    for (let bit = 0; bit < 8 * whole.length; bit += 1) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, flipped);
      await expect(openLog(), `bit ${bit}`).rejects.toThrow(/checkpoint/);
    }
    await writeFile(path, whole);
    await (await openLog()).close();
  });

  it("refuses the folder of another pack", async () => {
    const { log, directory } = await begun();
    await log.close();
    const other = await makePack((cleanUp) => onTestFinished(cleanUp));
    await expect(other.openLog({ directory })).rejects.toThrow(/authority|not that of|is that of/);
  });

  it("enters pairings and statements once", async () => {
    const { log, statements } = await begun();
    const pairing = {
      packHash: new Uint8Array(32),
      packHalf: { reference: "file", publicKey: fromHex("11".repeat(32)) },
      modules: [],
    };
    expect(log.entered.missingStatements(statements)).toHaveLength(3);
    await log.append(...log.entered.missingStatements(statements));
    expect(log.entered.missingStatements(statements)).toEqual([]);
    expect(log.entered.missingPairings(pairing)).toEqual([]);
    expect(log.fold.summary().supply).toBe(50_000_000);
  });
});
