import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { millis, milliwattHours, sha256 } from "@wattseal/base";
import { decodeEntry, decodeSnapshot, encodeEntry, encodeSnapshot } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { snapshotName } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import type { EnergyLog } from "./energy-log.js";
import {
  alarm,
  fileOf,
  fill,
  type Pack,
  packWithLog,
  pairing,
  reopened,
  SPACING,
  snapshotsIn,
  written,
} from "./snapshots.fixture.js";

describe("a log with snapshots", () => {
  it("goes on from the newest, as if it had read every entry", async () => {
    const pack = await packWithLog();
    const indices = await written(pack, 3);
    const resumed = await reopened(pack);
    expect(pack.from()).toBe(indices[2]);
    expect(pack.passedOver()).toEqual([]);
    const seen = ({ fold, own }: EnergyLog) => [
      fold.save(),
      fold.size,
      fold.epoch,
      fold.lct,
      [1, 2, 3, 2000].map((size) => own.keyAt(size)),
    ];
    const wanted = seen(resumed);
    expect(resumed.entered.missingStatements(pack.statements)).toEqual([]);
    expect(resumed.entered.missingPairings(pairing as never)).toEqual([]);
    await resumed.close();
    for (const name of snapshotsIn(pack)) unlinkSync(join(pack.directory, name));
    const whole = await reopened(pack);
    expect(pack.from()).toBe(0);
    expect(seen(whole)).toEqual(wanted);
  });

  it("is written on after it was resumed, under a new epoch", async () => {
    const pack = await packWithLog();
    const [first] = await written(pack, 1);
    const resumed = await reopened(pack);
    await pack.begin(resumed);
    await resumed.append(alarm);
    await resumed.endEpoch("shutdown");
    const state = resumed.fold.save();
    await resumed.close();
    unlinkSync(fileOf(pack, first!));
    expect((await reopened(pack)).fold.save()).toEqual(state);
    expect(pack.from()).toBe(0);
  });

  it("keeps the two newest", async () => {
    const pack = await packWithLog();
    const indices = await written(pack, 4);
    expect(snapshotsIn(pack)).toEqual(indices.slice(2).map(snapshotName));
  });

  it("keeps those that an entry vouches for, whatever files are there besides", async () => {
    const pack = await packWithLog();
    const indices = await written(pack, 2);
    const log = await reopened(pack);
    await pack.begin(log);
    for (const stray of [7, indices[1]! + 1, 1_000_000, 2_000_000]) {
      writeFileSync(fileOf(pack, stray), "left by another log");
    }
    await fill(log);
    await log.snapshot(SPACING);
    expect(snapshotsIn(pack)).toEqual([indices[1]!, log.fold.lastSnapshot].map(snapshotName));
  });

  it("enters none before so much has followed, and states what its file holds", async () => {
    const pack = await packWithLog();
    const log = await reopened(pack);
    await pack.begin(log);
    await log.snapshot(SPACING);
    expect(snapshotsIn(pack)).toEqual([]);
    await fill(log);
    await log.snapshot(log.fold.size + 1);
    expect(snapshotsIn(pack)).toEqual([]);
    await log.snapshot(SPACING);
    const index = log.fold.lastSnapshot;
    expect(index).toBeGreaterThanOrEqual(SPACING);
    const { type, body } = decodeEntry(log.store.entry(index));
    const digest = sha256(new Uint8Array(readFileSync(fileOf(pack, index))));
    expect([type, body]).toEqual(["ops.snapshot", { digest }]);
  });

  it("goes on without the file, where it could not be written", async () => {
    const pack = await packWithLog();
    const log = await reopened(pack);
    await pack.begin(log);
    await fill(log);
    const write = log.store.writeDocument.bind(log.store);
    log.store.writeDocument = (name, content) =>
      name.startsWith("snapshot.")
        ? Promise.reject(new Error("no space left"))
        : write(name, content);
    await log.snapshot(SPACING);
    expect(pack.said.some(({ event }) => event === "ledger.snapshot-failed")).toBe(true);
    expect(log.stopped).toBeUndefined();
    await log.append(alarm);
  });
});

/** Each leaves the newer of two files in a state in which it may not be believed. */
const SPOILT: readonly (readonly [string, RegExp, (pack: Pack, newest: number) => unknown])[] = [
  [
    "damaged",
    /SHA-256/,
    (pack, index) => {
      const bytes = readFileSync(fileOf(pack, index));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(fileOf(pack, index), bytes);
    },
  ],
  [
    "cut short",
    /SHA-256/,
    (pack, index) => {
      writeFileSync(fileOf(pack, index), readFileSync(fileOf(pack, index)).subarray(0, 99));
    },
  ],
  [
    "forged, with energy that nobody measured",
    /SHA-256/,
    (pack, index) => {
      const { purpose: _, ledger, ...rest } = decodeSnapshot(readFileSync(fileOf(pack, index)));
      const book = { ...ledger.society.book, unclaimed: 9, opening: milliwattHours(9) };
      const society = { ...ledger.society, book };
      writeFileSync(
        fileOf(pack, index),
        encodeSnapshot({ ...rest, ledger: { ...ledger, society } }),
      );
    },
  ],
  [
    "that of an earlier entry",
    /SHA-256/,
    (pack, index) => {
      const [older] = snapshotsIn(pack);
      writeFileSync(fileOf(pack, index), readFileSync(join(pack.directory, older!)));
    },
  ],
  [
    "another pack's",
    /SHA-256/,
    async (pack, index) => {
      const other = await packWithLog();
      const [, foreign] = await written(other, 2);
      writeFileSync(fileOf(pack, index), readFileSync(fileOf(other, foreign!)));
    },
  ],
  [
    "missing",
    /^$/,
    (pack, index) => {
      unlinkSync(fileOf(pack, index));
    },
  ],
];

describe("a snapshot that may not be believed", () => {
  it.each(SPOILT)("is passed over, %s, for the one before", async (_, problem, spoil) => {
    const pack = await packWithLog();
    const indices = await written(pack, 2);
    const before = await reopened(pack);
    const state = before.fold.save();
    await before.close();
    await spoil(pack, indices[1]!);
    const resumed = await reopened(pack);
    expect(pack.from()).toBe(indices[0]);
    expect(pack.passedOver().join()).toMatch(problem);
    expect(resumed.fold.save()).toEqual(state);
  });

  it.each(SPOILT)(
    "is passed over, %s, for entry 0 where there is no other",
    async (_, problem, spoil) => {
      const pack = await packWithLog();
      const indices = await written(pack, 2);
      await spoil(pack, indices[1]!);
      unlinkSync(fileOf(pack, indices[0]!));
      const resumed = await reopened(pack);
      expect(pack.from()).toBe(0);
      expect(pack.passedOver().join()).toMatch(problem);
      expect(resumed.fold.lastSnapshot).toBe(indices[1]);
    },
  );

  it("is one that names an entry that vouches for nothing, or none at all", async () => {
    const pack = await packWithLog();
    const [first] = await written(pack, 1);
    const bytes = readFileSync(fileOf(pack, first!));
    for (const index of [7, first! + 1, 1_000_000]) writeFileSync(fileOf(pack, index), bytes);
    writeFileSync(join(pack.directory, "snapshot.zz"), bytes);
    await reopened(pack);
    expect(pack.from()).toBe(first);
    expect(pack.passedOver()).toHaveLength(2);
    expect(pack.passedOver().join()).toMatch(/not under the signed head.*vouches for nothing/s);
  });

  it("is one whose entry no head covers: whoever writes the disk wrote both", async () => {
    const pack = await packWithLog();
    const [first] = await written(pack, 1);
    const log = await pack.open();
    await pack.begin(log);
    await fill(log);
    await log.endEpoch("shutdown");
    await log.close();
    const { purpose: _, ledger, ...rest } = decodeSnapshot(readFileSync(fileOf(pack, first!)));
    const store = await LogStore.open({ directory: pack.directory });
    const tree = { size: store.size, tree: store.frontier.nodes() };
    const forged = encodeSnapshot({ ...rest, ...tree, ledger: { ...ledger, ended: false } });
    const entry = { type: "ops.snapshot", timeMs: millis(pack.clock.now()) } as const;
    await store.append([encodeEntry({ ...entry, body: { digest: sha256(forged) } })]);
    await store.writeDocument(snapshotName(tree.size), forged);
    await store.close();
    await expect(pack.open()).rejects.toThrow(`entry ${tree.size}`);
    expect(pack.passedOver()[0]).toMatch(/not under the signed head/);
  });

  it("does not hide a head that is not the log's own word", async () => {
    const pack = await packWithLog();
    await written(pack, 1);
    const path = join(pack.directory, "checkpoint");
    const lines = readFileSync(path, "utf8").split(" ");
    const signature = Buffer.from(lines.at(-1)!, "base64");
    signature[20] = (signature[20] ?? 0) ^ 1;
    writeFileSync(path, [...lines.slice(0, -1), `${signature.toString("base64")}\n`].join(" "));
    await expect(pack.open()).rejects.toThrow(/The last signed head is damaged/);
  });
});
