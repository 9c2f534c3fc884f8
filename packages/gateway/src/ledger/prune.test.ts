import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { millis } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { cosign } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { snapshotName } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { type PruneOptions, pruneLog } from "./prune.js";
import { Pruner } from "./pruner.js";
import { receiptDocument } from "./receipts.js";
import {
  alarm,
  fileOf,
  fill,
  packWithLog,
  reopened,
  SPACING,
  snapshotsIn,
} from "./snapshots.fixture.js";

const key = Ed25519SecretKey.generate({ bytes: (length) => new Uint8Array(length).fill(7) });
const WITNESS = { name: "federation.example", publicKey: key.publicKey };
const DESTINATION = { name: WITNESS.name, publicKeys: [WITNESS.publicKey] };
const NOTHING = { inMwh: 0, outMwh: 0 };

/**
 * A pack's log with a snapshot a day: some entries after the last, a daily record up to entry `recorded`, and the
 * witness's receipt over everything. Nothing has it open.
 */
async function prunable({ snapshots = 4, recorded = Number.POSITIVE_INFINITY } = {}) {
  const pack = await packWithLog();
  const log = await pack.open();
  await pack.begin(log);
  const indices: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < snapshots; i += 1) {
    await fill(log);
    await log.snapshot(SPACING);
    indices.push(log.fold.lastSnapshot);
    pack.clock.advance(86_400_000);
    times.push(pack.clock.now());
  }
  await log.append(alarm);
  const last = Math.min(recorded, log.fold.size) - 1;
  const reading = { time: pack.clock.now(), synchronised: true, ...NOTHING };
  const day = { page: 1, start: pack.clock.now(), begin: reading, end: reading, first: last, last };
  const root = log.store.root(last + 1);
  const leftOut = { ...NOTHING, resets: 0 };
  const record = await log.ocmf({ ...day, root, leftOut, softwareVersion: "test" });
  await log.store.writeDocument("ocmf", record);
  await log.endEpoch("shutdown");
  const { note } = log.store.head!;
  await log.store.writeDocument(receiptDocument(WITNESS.name, WITNESS.publicKey), receiptOf(note));
  const state = log.fold.save();
  const size = log.store.durableSize;
  await log.close();
  const { directory, document, trust } = pack;
  const prune = (before: PruneOptions["before"], destinations = [DESTINATION], quorum?: number) =>
    pruneLog({ directory, document, trust, destinations, quorum, before, logger: { ...quiet } });
  return { ...pack, indices, times, state, size, note, prune };
}
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function receiptOf(note: string, signer = key): string {
  const sign = (bytes: Uint8Array) => signer.sign(bytes);
  return cosign(note, { ...WITNESS, publicKey: signer.publicKey, sign, time: 1_760_000_100 });
}

const bundlesIn = (directory: string) =>
  readdirSync(join(directory, "tile", "entries")).filter((name) => /^\d{3}$/.test(name));

describe("pruning a log", () => {
  it("removes what is below the last snapshot that was asked for, and goes on from there", async () => {
    const pack = await prunable();
    const [, second, third] = pack.indices;
    const pruned = await pack.prune({ entry: third! - 1 });
    const firstEntry = Math.floor(second! / 256) * 256;
    expect(pruned).toEqual({ from: 0, firstEntry, snapshot: second, size: pack.size });
    expect(bundlesIn(pack.directory)[0]).toBe(String(firstEntry / 256).padStart(3, "0"));
    expect(snapshotsIn(pack)).toEqual(
      [second, ...pack.indices.slice(2)].map((i) => snapshotName(i!)),
    );

    const log = await reopened(pack);
    expect(pack.from()).toBe(pack.indices[3]);
    expect(log.fold.save()).toEqual(pack.state);
    await pack.begin(log, undefined, pack.size);
    await fill(log);
    await log.snapshot(SPACING);
    await fill(log);
    await log.snapshot(SPACING);
    await log.endEpoch("shutdown");
    await log.close();
    expect(snapshotsIn(pack)[0]).toBe(snapshotName(second!));
    expect(snapshotsIn(pack)).toHaveLength(3);
    for (const name of snapshotsIn(pack).slice(1)) unlinkSync(join(pack.directory, name));
    await reopened(pack);
    expect(pack.from()).toBe(second);
  });

  it("takes a time, and makes a state anew whose file went long ago or does not hold", async () => {
    const pack = await prunable();
    const [first] = pack.indices;
    writeFileSync(fileOf(pack, first!), "not a snapshot");
    const pruned = await pack.prune({ time: millis(pack.times[0]!) });
    expect(pruned).toMatchObject({ snapshot: first });
    for (const index of pack.indices.slice(2)) unlinkSync(fileOf(pack, index));
    const log = await reopened(pack);
    expect(pack.from()).toBe(first);
    expect(log.fold.save()).toEqual(pack.state);
  });

  it("goes further in steps, each from the state that the last one kept", async () => {
    const pack = await prunable();
    const [first, second] = pack.indices;
    await pack.prune({ entry: first! });
    for (const index of pack.indices.slice(2)) unlinkSync(fileOf(pack, index));
    expect(await pack.prune({ entry: second! })).toMatchObject({
      from: Math.floor(first! / 256) * 256,
      snapshot: second,
    });
    expect(snapshotsIn(pack)).toEqual([snapshotName(second!)]);
    expect((await reopened(pack)).fold.save()).toEqual(pack.state);
  });

  it("stops below what the witness's receipt covers, and what the coming daily record needs", async () => {
    const short = await prunable();
    const store = await LogStore.open({ directory: short.directory });
    await store.close();
    expect(await short.prune({ entry: 1_000_000 })).toMatchObject({ snapshot: short.indices[3] });
    const early = await prunable({ recorded: 2_500 });
    expect(await early.prune({ entry: 1_000_000 })).toMatchObject({ snapshot: early.indices[1] });
  });

  it("goes by what a quorum of its witnesses has", async () => {
    const pack = await prunable();
    const other = { name: "other.example", publicKeys: [new Uint8Array(32).fill(3)] };
    const both = [DESTINATION, other];
    const missing = /other\.example has witnessed nothing/;
    await expect(pack.prune({ entry: 1_000_000 }, both, 2)).rejects.toThrow(missing);
    await expect(pack.prune({ entry: 1_000_000 }, both)).rejects.toThrow(missing);
    expect(await pack.prune({ entry: 1_000_000 }, both, 1)).toMatchObject({
      snapshot: pack.indices[3],
    });
  });

  it.each([
    ["no receipt is there", /has witnessed nothing/, (path: string) => unlinkSync(path)],
    [
      "its receipt is another's",
      /does not hold/,
      (path: string, note: string) => {
        const other = Ed25519SecretKey.generate({ bytes: (n) => new Uint8Array(n).fill(8) });
        writeFileSync(path, receiptOf(note, other));
      },
    ],
    [
      "its receipt is damaged",
      /does not hold/,
      (path: string) => {
        writeFileSync(path, readFileSync(path, "utf8").replace("\n\n", "\nx\n\n"));
      },
    ],
  ] as const)("is refused where %s, and changes nothing", async (_, problem, spoil) => {
    const pack = await prunable({ snapshots: 1 });
    spoil(join(pack.directory, receiptDocument(WITNESS.name, WITNESS.publicKey)), pack.note);
    const before = readdirSync(pack.directory, { recursive: true }).length;
    await expect(pack.prune({ entry: 1_000_000 })).rejects.toThrow(problem);
    expect(readdirSync(pack.directory, { recursive: true })).toHaveLength(before);
    await reopened(pack);
  });

  it("is refused where no snapshot is low enough, for each reason by its name", async () => {
    const pack = await prunable({ snapshots: 1 });
    await expect(pack.prune({ entry: 5 })).rejects.toThrow(/at entry 5 or below.*asked to stay/);
    const early = await prunable({ snapshots: 1, recorded: 9 });
    await expect(early.prune({ entry: 9_999 })).rejects.toThrow(
      /at entry 9 or below.*daily record/,
    );
  });

  it("is refused while a gateway has the log", async () => {
    const pack = await prunable({ snapshots: 1 });
    await reopened(pack);
    await expect(pack.prune({ entry: 9_999 })).rejects.toMatchObject({ code: "locked" });
  });

  it("leaves a log that says so, where its snapshots are taken away", async () => {
    const pack = await prunable({ snapshots: 2 });
    await pack.prune({ entry: 1_000_000 });
    for (const name of snapshotsIn(pack)) unlinkSync(join(pack.directory, name));
    await expect(pack.open()).rejects.toThrow(/begins at entry \d+, and no snapshot beside it/);
  });
});

describe("a gateway that keeps its log for a time", () => {
  it("reads few entries at a time beside a running gateway, however many it takes to make a state anew", async () => {
    const pack = await prunable();
    const log = await reopened(pack);
    await pack.begin(log, undefined, pack.size);
    let [read, most] = [0, 0];
    let next = setImmediate(function turn() {
      read = 0;
      next = setImmediate(turn);
    });
    const entry = log.store.entry.bind(log.store);
    log.store.entry = (index) => {
      read += 1;
      most = Math.max(most, read);
      return entry(index);
    };
    const { document, trust } = pack;
    const rules = {
      log,
      writer: log,
      document,
      trust,
      logger: { ...quiet },
      destinations: [DESTINATION],
    };
    const pruner = new Pruner({ ...rules, keepMs: 2 * 86_400_000 });
    pruner.window(millis(pack.times[3]!));
    await pruner.settled();
    clearImmediate(next);
    expect(log.store.firstEntry).toBeGreaterThan(SPACING);
    expect(most).toBeLessThan(128);
  });

  it("where the disk is short removes all that is witnessed, whatever is to be kept, and next time up to a new snapshot", async () => {
    const pack = await prunable();
    const log = await reopened(pack);
    await pack.begin(log, undefined, pack.size);
    const { document, trust } = pack;
    const rules = { log, writer: log, document, trust, logger: { ...quiet }, keepMs: undefined };
    expect(await new Pruner({ ...rules, destinations: [] }).makeRoom()).toBe(false);
    expect(log.store.firstEntry).toBe(0);
    const pruner = new Pruner({ ...rules, destinations: [DESTINATION] });
    expect(await pruner.makeRoom()).toBe(true);
    expect(log.store.firstEntry).toBe(Math.floor(pack.indices[3]! / 256) * 256);
    await fill(log);
    const { lastSnapshot } = log.fold;
    expect(await pruner.makeRoom()).toBe(false);
    expect(log.fold.lastSnapshot).toBeGreaterThan(lastSnapshot);
  });

  it("prunes once a day, while entries are appended, and says why where it may not", async () => {
    const pack = await prunable();
    const log = await reopened(pack);
    await pack.begin(log, undefined, pack.size);
    const said: string[] = [];
    const note = (event: string) => void said.push(event);
    const { document, trust } = pack;
    const rules = {
      log,
      writer: log,
      document,
      trust,
      logger: { ...quiet, info: note, warn: note },
    };
    const pruner = new Pruner({ ...rules, destinations: [DESTINATION], keepMs: 2 * 86_400_000 });
    const now = millis(pack.times[3]!);
    pruner.window(now);
    const appending = fill(log);
    await pruner.settled();
    await appending;
    const [, second] = pack.indices;
    expect(log.store.firstEntry).toBe(Math.floor(second! / 256) * 256);
    pruner.window(millis(now + 60_000));
    await pruner.settled();
    expect(said).toEqual(["ledger.pruned"]);

    const never = new Pruner({ ...rules, destinations: [DESTINATION], keepMs: undefined });
    never.window(now);
    await never.settled();
    const early = new Pruner({ ...rules, destinations: [DESTINATION], keepMs: 90 * 86_400_000 });
    early.window(now);
    await early.settled();
    expect(said).toEqual(["ledger.pruned", "ledger.not-pruned"]);
    await log.endEpoch("shutdown");
    const state = log.fold.save();
    await log.close();
    expect((await reopened(pack)).fold.save()).toEqual(state);
  });
});
