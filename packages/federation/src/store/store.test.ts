import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "@wattseal/base";
import { Frontier, leafHash } from "@wattseal/tlog";
import { packName } from "@wattseal/uplink";
import sqlite from "node-sqlite3-wasm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryStore, temporaryDirectory } from "../fleet.fixture.js";
import { lockStore } from "./lock.js";
import { type FederationStore, type PackCommit, readStoredLog } from "./port.js";
import { SqliteStore } from "./sqlite.js";

const A = packName("a".repeat(32));
const B = packName("b".repeat(32));

function leaf(i: number): Uint8Array {
  return utf8(`leaf ${i}`);
}

function position(size: number) {
  const frontier = new Frontier();
  for (let i = 0; i < size; i += 1) frontier.append(leafHash(leaf(i)));
  return { size, nodes: frontier.nodes() };
}

function growth(from: number, to: number, change: Partial<PackCommit> = {}): PackCommit {
  const leaves = Array.from({ length: to - from }, (_, i) => leaf(from + i));
  return {
    pack: A,
    previous: position(from),
    next: position(to),
    leaves: [{ first: from, leaves }],
    heads: [{ size: to, root: leafHash(leaf(to)) }],
    receipt: { size: to, text: `receipt ${to}` },
    stays: [],
    ...change,
  };
}

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

describe.each([
  ["SqliteStore", () => SqliteStore.open(directory.path)],
  ["MemoryStore of the tests", async () => new MemoryStore()],
] as const)("%s", (_name, open) => {
  let store: FederationStore;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  it("keeps leaves, edge, heads and the latest receipt", async () => {
    expect(await store.commit([growth(0, 5)])).toEqual(["stored"]);
    expect(await store.commit([growth(5, 300)])).toEqual(["stored"]);
    expect(await store.pack(A)).toEqual({
      pack: A,
      ...position(300),
      receipt: { size: 300, text: "receipt 300" },
    });
    expect(await store.head(A, 5)).toEqual(leafHash(leaf(5)));
    expect(await store.head(A, 6)).toBeUndefined();
    expect(await store.packs()).toHaveLength(1);
  });

  it("reads any range of leaves, whatever bundles they came in", async () => {
    await store.commit([growth(0, 5)]);
    await store.commit([growth(5, 6)]);
    await store.commit([growth(6, 20)]);
    const all = Array.from({ length: 20 }, (_, i) => leaf(i));
    for (let from = 0; from <= 20; from += 1) {
      for (const limit of [1, 3, 20]) {
        expect((await store.leaves(A, from, limit)).map(String)).toEqual(
          all.slice(from, from + limit).map(String),
        );
      }
    }
    expect(await store.leaves(B, 0, 10)).toEqual([]);
    const read: Uint8Array[] = [];
    for await (const one of readStoredLog(store, A)) read.push(one);
    expect(read.map(String)).toEqual(all.map(String));
  });

  it("leaves a pack alone whose position has moved, and commits the others of the group", async () => {
    await store.commit([growth(0, 5)]);
    const other = growth(0, 3, { pack: B });
    expect(await store.commit([growth(0, 7), other])).toEqual(["conflict", "stored"]);
    const forked = { ...growth(5, 6), previous: { ...position(5), nodes: position(6).nodes } };
    expect(await store.commit([forked])).toEqual(["conflict"]);
    expect((await store.pack(A))?.size).toBe(5);
    expect(await store.leaves(A, 0, 10)).toHaveLength(5);
    expect((await store.pack(B))?.size).toBe(3);
  });

  it("keeps an older receipt when none comes with the growth", async () => {
    await store.commit([growth(0, 5)]);
    await store.commit([growth(5, 6, { receipt: undefined, heads: [] })]);
    expect(await store.pack(A)).toMatchObject({ size: 6, receipt: { size: 5 } });
  });

  it("keeps forks and poison, each once, sixteen a pack", async () => {
    const fork = { pack: A, kind: "epoch", size: 3, payload: utf8("x"), receipt: "r" } as const;
    expect(await store.keepFork(fork)).toBe(true);
    expect(await store.keepFork(fork)).toBe(false);
    expect(await store.forks()).toEqual([fork]);
    const poison = (i: number, pack = A) => ({
      pack,
      reason: "entry",
      message: "m",
      payload: utf8(`${i}`),
    });
    const kept = [];
    for (let i = 0; i < 20; i += 1) kept.push(await store.park(poison(i)));
    expect(kept.filter(Boolean)).toHaveLength(16);
    expect(await store.park(poison(1, B))).toBe(true);
    expect((await store.parked())[0]).toEqual(poison(0));
  });
});

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

  it("takes a store of version 1 as it is, and adds what is new", async () => {
    const first = await SqliteStore.open(directory.path);
    await first.commit([growth(0, 5)]);
    await first.close();
    const db = new sqlite.Database(join(directory.path, "federation.db"));
    db.exec("DROP TABLE stay; DROP TABLE twice; PRAGMA user_version = 1");
    db.close();
    const store = await SqliteStore.open(directory.path);
    expect((await store.pack(A))?.size).toBe(5);
    expect(await store.modulesTwice("all")).toEqual([]);
    await store.close();
  });

  it("refuses a file that is no store of this version", async () => {
    const path = join(directory.path, "federation.db");
    writeFileSync(path, "this is no database, but long enough to look like one".repeat(20));
    await expect(SqliteStore.open(directory.path)).rejects.toMatchObject({ code: "store-corrupt" });
    writeFileSync(path, "");
    const db = new sqlite.Database(path);
    db.exec("PRAGMA user_version = 9; CREATE TABLE t (x)");
    db.close();
    await expect(SqliteStore.open(directory.path)).rejects.toThrow("version 9");
  });

  it("rolls a group back when one commit in it fails", async () => {
    const store = await SqliteStore.open(directory.path);
    const twice = growth(0, 5, {
      heads: [
        { size: 5, root: leafHash(leaf(1)) },
        { size: 5, root: leafHash(leaf(2)) },
      ],
    });
    await expect(store.commit([growth(0, 3, { pack: B }), twice])).rejects.toThrow();
    expect(await store.packs()).toEqual([]);
    expect(await store.commit([growth(0, 5)])).toEqual(["stored"]);
    await store.close();
  });
});
