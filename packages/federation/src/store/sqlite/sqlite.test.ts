import { cpSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { FOLD_VERSION } from "../../folds/growth.js";
import { A, B, foldGrowth, growth, growthOf, leaf } from "../growth.fixture.js";
import { lockStore } from "./lock.js";
import { SqliteStore } from "./sqlite.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

const JOURNAL_MAGIC = Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7);
/** Of the transaction that makes a file: it had no page before. */
const FIRST_JOURNAL = Buffer.concat([JOURNAL_MAGIC], 512);

/** As whoever else has the file. A write-ahead log asks for the exclusive lock, where there is no shared memory. */
function plainly(path: string): InstanceType<typeof sqlite.Database> {
  const db = new sqlite.Database(path);
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  return db;
}

/** Each question that has an answer. */
async function askEverything(store: SqliteStore): Promise<void> {
  await store.packs();
  await store.packsAfter("", 1);
  expect(await store.pack(A)).toBeDefined();
  expect(await store.leaves(A, 1, 2)).toHaveLength(2);
  expect(await store.head(A, 80)).toBeDefined();
  await store.receiptLog();
  await store.receiptRecords(0, 1);
  await store.receiptSubtrees(1, 0, 1);
  await store.modulesTwice("all");
  await store.forkedPacks();
  await store.forks();
  await store.parked();
  const fork = { pack: A, kind: "checkpoint", size: 1, payload: leaf(1), receipt: "" } as const;
  await store.keepFork(fork);
  await store.park({ pack: A, reason: "entry", message: "", payload: leaf(1) });
  await store.fold(A);
  await store.foldsAfter("", 1);
  await store.foldsBehind(FOLD_VERSION, "", 1);
  await store.energy({ pack: A, span: "hour", from: 0, to: 1 });
  await store.marks({ keys: ["key"], pack: A, from: undefined, limit: 1 });
  await store.subtrees(A, 1, 0, 1);
}

describe("SqliteStore on disk", () => {
  it("is there again after closing", async () => {
    const store = await SqliteStore.open(directory.path);
    await store.commit([growth(0, 5)]);
    await store.close();
    await store.close();
    await expect(store.packs()).rejects.toMatchObject({ code: "store-closed" });
    const again = await SqliteStore.open(directory.path);
    expect((await again.pack(A))?.size).toBe(5);
    await again.close();
  });

  it("moves what is committed from the write-ahead log to the file, whatever is asked meanwhile", {
    timeout: 60_000,
  }, async () => {
    const store = await SqliteStore.open(directory.path);
    const held: Uint8Array[] = [];
    for (let i = 0; i < 5; i += 1) {
      const leaves = Array.from({ length: 80 }, (_, at) => new Uint8Array(60_000).fill(at));
      expect(await store.commit([growthOf(A, held, leaves)])).toEqual(["stored"]);
      held.push(...leaves);
      await askEverything(store);
    }
    const bytes = await store.bytes();
    expect(bytes).toBeGreaterThan(24_000_000);
    expect(statSync(join(directory.path, "federation.db")).size).toBeGreaterThan(bytes / 2);
    expect(statSync(join(directory.path, "federation.db-wal")).size).toBeLessThan(bytes / 2);
    await store.close();
  });

  it("is one process's at a time", async () => {
    const store = await SqliteStore.open(directory.path);
    await expect(SqliteStore.open(directory.path)).rejects.toMatchObject({ code: "store-locked" });
    await store.close();
    await (await SqliteStore.open(directory.path)).close();
  });

  it("removes the lock directory that a killed process left", async () => {
    await (await SqliteStore.open(directory.path)).close();
    mkdirSync(join(directory.path, "federation.db.lock"));
    const store = await SqliteStore.open(directory.path);
    await store.commit([growth(0, 5)]);
    await store.close();
  });

  it("says so where it cannot hold a lock", async () => {
    await expect(lockStore(directory.path, "darwin")).rejects.toMatchObject({ code: "platform" });
  });

  it("syncs fully, and is for its owner's eyes", async () => {
    const path = join(directory.path, "inner");
    const store = await SqliteStore.open(path);
    await store.commit([growth(0, 1)]);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await store.close();
  });

  it.each([1, 2, 3])(
    "takes a store of version %i as it is, and adds what is new",
    async (version) => {
      const first = await SqliteStore.open(directory.path);
      await first.commit([growth(0, 5)]);
      await first.close();
      const db = plainly(join(directory.path, "federation.db"));
      for (const table of ["receipt_log", "receipt_bundle", "receipt_subtree"]) {
        db.exec(`DROP TABLE ${table}`);
      }
      if (version < 3) {
        db.exec("DROP TABLE energy; DROP TABLE mark; DROP TABLE subtree");
        for (const column of ["fold_version", "fold_size", "summary"]) {
          db.exec(`ALTER TABLE pack DROP COLUMN ${column}`);
        }
      }
      if (version < 2) db.exec("DROP TABLE stay; DROP TABLE twice");
      db.exec(`PRAGMA user_version = ${version}`);
      db.close();
      const store = await SqliteStore.open(directory.path);
      expect((await store.pack(A))?.size).toBe(5);
      expect(await store.modulesTwice("all")).toEqual([]);
      expect(await store.receiptLog()).toMatchObject({ size: 0 });
      const receipt = { size: 9, text: "receipt 9", record: leaf(9) };
      expect(await store.commit([growth(5, 9, { receipt })])).toEqual(["stored"]);
      expect(await store.receiptRecords(0, 9)).toEqual([leaf(9)]);
      if (version < 3) {
        expect(await store.foldsBehind(FOLD_VERSION, "", 9)).toEqual([A]);
        expect(await store.advanceFold(A, 0, 9, foldGrowth(9))).toBe(true);
      }
      expect(await store.foldsBehind(FOLD_VERSION, "", 9)).toEqual([]);
      expect((await store.fold(A))?.size).toBe(9);
      await store.close();
    },
  );

  it("refuses a file that is no store of this version", async () => {
    const path = join(directory.path, "federation.db");
    writeFileSync(path, "this is no database, but long enough to look like one".repeat(20));
    await expect(SqliteStore.open(directory.path)).rejects.toMatchObject({ code: "store-corrupt" });
    writeFileSync(path, "");
    const db = plainly(path);
    db.exec("PRAGMA user_version = 9; CREATE TABLE t (x)");
    db.close();
    await expect(SqliteStore.open(directory.path)).rejects.toThrow("version 9");
  });

  it("says how to go on from what a killed process of before the write-ahead log left half done", async () => {
    await (await SqliteStore.open(directory.path)).close();
    const journal = join(directory.path, "federation.db-journal");
    writeFileSync(journal, JOURNAL_MAGIC);
    await expect(SqliteStore.open(directory.path)).rejects.toThrow("rolls it back");
    writeFileSync(journal, new Uint8Array(28));
    await (await SqliteStore.open(directory.path)).close();
  });

  it.each([
    ["closed", false],
    ["that has all it holds in its write-ahead log", true],
  ])("does not empty a store %s that was put beside what a first start left", async (_, isOpen) => {
    const copy = join(directory.path, "copy");
    const store = await SqliteStore.open(directory.path);
    await store.commit([growth(0, 5)]);
    if (!isOpen) await store.close();
    mkdirSync(copy);
    for (const name of ["federation.db", ...(isOpen ? ["federation.db-wal"] : [])])
      cpSync(join(directory.path, name), join(copy, name));
    await store.close();
    const journal = join(copy, "federation.db-journal");
    writeFileSync(journal, FIRST_JOURNAL);
    await expect(SqliteStore.open(copy)).rejects.toMatchObject({
      code: "store-corrupt",
      message: expect.stringContaining(`remove ${journal}`),
    });
    rmSync(journal);
    const kept = await SqliteStore.open(copy);
    expect((await kept.pack(A))?.size).toBe(5);
    await kept.close();
  });

  it("begins anew where a first start left its journal alone", async () => {
    writeFileSync(join(directory.path, "federation.db-journal"), FIRST_JOURNAL);
    const store = await SqliteStore.open(directory.path);
    expect(await store.packs()).toEqual([]);
    await store.close();
  });

  it("rolls a group back when one commit in it fails", async () => {
    const store = await SqliteStore.open(directory.path);
    const path = join(directory.path, "federation.db");
    await store.close();
    const db = plainly(path);
    db.exec(
      "CREATE TRIGGER full BEFORE INSERT ON bundle WHEN new.count = 5 BEGIN SELECT raise(abort, 'full'); END",
    );
    db.close();
    const again = await SqliteStore.open(directory.path);
    await expect(again.commit([growth(0, 3, { pack: B }), growth(0, 5)])).rejects.toThrow("full");
    expect(await again.packs()).toEqual([]);
    expect(await again.commit([growth(0, 4)])).toEqual(["stored"]);
    await again.close();
  });
});
