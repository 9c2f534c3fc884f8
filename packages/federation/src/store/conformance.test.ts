/** What every store does, whatever it keeps its rows in. */
import { InvariantViolation, utf8 } from "@wattseal/base";
import { leafHash, rootOf } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PostgresServer, postgresMissing } from "../../../../scripts/lib/postgres.mjs";
import { temporaryDirectory } from "../fleet.fixture.js";
import type { MarksQuery } from "../folds/port.js";
import {
  A,
  B,
  energySum,
  foldGrowth,
  growth,
  growthOf,
  leaf,
  position,
  positionOf,
  stay,
} from "./growth.fixture.js";
import { MemoryStore } from "./memory.fixture.js";
import { type FederationStore, MAX_STAYS, type PackCommit, readStoredLog } from "./port.js";
import { PostgresStore } from "./postgres/postgres.js";
import { SqliteStore } from "./sqlite/sqlite.js";

/** A new, empty store, and as many workers' ways into it as it has. */
interface Bed {
  readonly workers: readonly [FederationStore, ...FederationStore[]];
  close(): Promise<void>;
}

const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;
let server: PostgresServer | undefined;
let database = "";
const TABLES = [
  ...["pack", "bundle", "head", "fork", "poison", "module", "stay", "twice"],
  ...["energy", "mark", "subtree", "receipt_log", "receipt_bundle", "receipt_subtree"],
];

async function memoryBed(): Promise<Bed> {
  return { workers: [new MemoryStore()], close: async () => {} };
}

async function sqliteBed(): Promise<Bed> {
  const directory = temporaryDirectory();
  const store = await SqliteStore.open(directory.path);
  const close = async () => {
    await store.close();
    directory.remove();
  };
  return { workers: [store], close };
}

async function postgresBed(): Promise<Bed> {
  const first = await PostgresStore.open({ url: database });
  const second = await PostgresStore.open({ url: database });
  const close = async () => {
    await first.close();
    await second.close();
    // A database of its own for each test costs more than all the tests.
    await server?.query(database, TABLES.map((it) => `DELETE FROM wattseal.${it}`).join("; "));
  };
  return { workers: [first, second], close };
}

describe.each([
  { name: "MemoryStore of the tests", open: memoryBed, skip: false },
  { name: "SqliteStore", open: sqliteBed, skip: false },
  { name: `PostgresStore${without}`, open: postgresBed, skip: missing !== undefined },
])("$name", ({ open, skip }) => {
  if (open === postgresBed && !skip) {
    beforeAll(async () => {
      server = await PostgresServer.start();
      database = await server.createDatabase();
    }, 120_000);
    afterAll(() => server?.close(), 120_000);
  }
  const test = it.skipIf(skip);
  let bed: Bed | undefined;
  let store: FederationStore;
  beforeEach(async () => {
    if (skip) return;
    bed = await open();
    [store] = bed.workers;
  }, 60_000);
  afterEach(() => bed?.close(), 120_000);

  test("keeps leaves, edge, heads and the latest receipt", async () => {
    expect(await store.commit([growth(0, 5)])).toEqual(["stored"]);
    expect(await store.commit([growth(5, 300)])).toEqual(["stored"]);
    expect(await store.pack(A)).toEqual({
      pack: A,
      ...position(300),
      receipt: { size: 300, text: "receipt 300" },
    });
    expect(await store.pack(B)).toBeUndefined();
    expect(await store.head(A, 5)).toEqual(leafHash(leaf(4)));
    expect(await store.head(A, 6)).toBeUndefined();
    expect(await store.head(B, 5)).toBeUndefined();
    expect(await store.packs()).toHaveLength(1);
  });

  test("lists packs by name, a page at a time, and says what it takes on disk", async () => {
    const before = await store.bytes();
    await store.commit([growth(0, 300), growth(0, 3, { pack: B })]);
    const names = async (after: string, limit: number) =>
      (await store.packsAfter(after, limit)).map(({ pack }) => pack);
    expect(await names("", 9)).toEqual([A, B]);
    expect(await names("", 1)).toEqual([A]);
    expect(await names(A, 1)).toEqual([B]);
    expect(await names(B, 1)).toEqual([]);
    expect((await store.packsAfter("", 1))[0]).toEqual(await store.pack(A));
    expect(await store.bytes()).toBeGreaterThanOrEqual(before);
  });

  test("folds grow with their log's commits, and with no other", async () => {
    const sum = (inward: number) => [
      energySum("hour", 3_600_000, inward),
      energySum("day", 0, inward),
    ];
    const marks = (at: number) => [{ key: "energy.gap", block: 0, bits: bitsOf(at) }];
    const root = leafHash(leaf(0));
    const subtrees = [0, 2].map((index) => ({ tile: 1, index, root }));
    const first = foldGrowth(5, { energy: sum(7), marks: marks(1) });
    const second = foldGrowth(9, { energy: sum(70), marks: marks(3), subtrees });
    const group = [growth(0, 5, { fold: first }), growth(5, 9, { fold: second })];
    expect(await store.commit([...group, growth(0, 5, { fold: first })])).toEqual([
      "stored",
      "stored",
      "conflict",
    ]);
    await store.commit([growth(0, 5, { pack: B, fold: first })]);
    const { version, summary } = second;
    expect(await store.fold(A)).toEqual({ pack: A, version, size: 9, summary });
    expect((await store.foldsAfter("", 9)).map(({ pack, size }) => [pack, size])).toEqual([
      [A, 9],
      [B, 5],
    ]);
    const hours = (pack: PackName | undefined, from: number, to: number) =>
      store.energy({ pack, span: "hour", from, to });
    expect(await hours(A, 0, 3_600_001)).toEqual([energySum("hour", 3_600_000, 77)]);
    expect(await hours(undefined, 0, 3_600_001)).toEqual([energySum("hour", 3_600_000, 84)]);
    expect(await hours(A, 0, 3_600_000)).toEqual([]);
    expect(await store.energy({ pack: B, span: "day", from: 0, to: 1 })).toEqual([
      energySum("day", 0, 7),
    ]);
    const found = await store.marks({ keys: ["energy.gap"], pack: A, from: undefined, limit: 9 });
    expect(found).toEqual([{ pack: A, block: 0, bits: bitsOf(3) }]);
    // In a row: what comes after one that is missing would be taken for that.
    expect(await store.subtrees(A, 1, 0, 9)).toEqual([root]);
    expect(await store.subtrees(A, 1, 1, 9)).toEqual([]);
    expect(await store.subtrees(A, 1, 2, 9)).toEqual([root]);
    expect(await store.foldsBehind(version, "", 9)).toEqual([]);
  });

  test("folds of another version stay where they are until they are made again from entry 0 on", async () => {
    const older = foldGrowth(5, { version: 1, energy: [energySum("hour", 0, 7)] });
    const newer = foldGrowth(5, { version: 2, energy: [energySum("hour", 0, 1)] });
    await store.commit([growth(0, 5, { fold: older })]);
    await store.commit([growth(5, 9, { fold: newer })]);
    expect(await store.fold(A)).toMatchObject({ version: 1, size: 5 });
    expect(await store.foldsBehind(2, "", 9)).toEqual([A]);
    expect(await store.foldsBehind(2, A, 9)).toEqual([]);
    expect(await store.advanceFold(A, 5, 9, newer)).toBe(false);
    expect(await store.advanceFold(A, 0, 10, newer)).toBe(false);
    expect(await store.advanceFold(B, 0, 5, newer)).toBe(false);
    const both = (bed?.workers ?? []).map((worker) => worker.advanceFold(A, 0, 4, newer));
    expect((await Promise.all(both)).filter(Boolean)).toHaveLength(1);
    expect(await store.foldsBehind(2, "", 9)).toEqual([A]);
    expect(await store.advanceFold(A, 4, 9, newer)).toBe(true);
    expect(await store.fold(A)).toMatchObject({ version: 2, size: 9 });
    const sums = await store.energy({ pack: A, span: "hour", from: 0, to: 1 });
    expect(sums).toEqual([energySum("hour", 0, 2)]);
    expect(await store.advanceFold(A, 0, 9, older)).toBe(false);
    await store.commit([growth(9, 12, { fold: newer })]);
    expect(await store.fold(A)).toMatchObject({ version: 2, size: 12 });
  });

  test("energy stays at 2^53 - 1 once there, of a pack and of all", async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const fold = foldGrowth(5, { energy: [energySum("hour", 0, most)] });
    await store.commit([growth(0, 5, { fold }), growth(0, 5, { pack: B, fold })]);
    await store.commit([growth(5, 6, { fold })]);
    for (const pack of [A, undefined]) {
      const sums = await store.energy({ pack, span: "hour", from: 0, to: 1 });
      expect(sums).toEqual([energySum("hour", 0, most)]);
    }
  });

  test("finds marked blocks of one key or two, onwards from a place or backwards", async () => {
    const mark = (key: string, block: number, ...at: number[]) => ({
      key,
      block,
      bits: bitsOf(...at),
    });
    const marks = [mark("a", 0, 1, 2), mark("b", 0, 2, 3), mark("a", 2, 0), mark("b", 7, 9)];
    await store.commit([growth(0, 5, { fold: foldGrowth(5, { marks }) })]);
    const others = [mark("a", 1, 255)];
    await store.commit([growth(0, 5, { pack: B, fold: foldGrowth(5, { marks: others }) })]);
    const ask = async (query: Partial<MarksQuery>) => {
      const all = { keys: ["a"], pack: undefined, from: undefined, limit: 9 } as const;
      const found = await store.marks({ ...all, ...query });
      return found.map(({ pack, block, bits }) => [pack, block, String(bits)]);
    };
    const [first, second, third] = [
      [A, 0, String(bitsOf(1, 2))],
      [A, 2, String(bitsOf(0))],
      [B, 1, String(bitsOf(255))],
    ];
    expect(await ask({})).toEqual([first, second, third]);
    expect(await ask({ limit: 2 })).toEqual([first, second]);
    expect(await ask({ backwards: true, limit: 2 })).toEqual([third, second]);
    expect(await ask({ pack: B })).toEqual([third]);
    expect(await ask({ from: { pack: A, index: 511 } })).toEqual([second, third]);
    expect(await ask({ from: { pack: A, index: Number.MAX_SAFE_INTEGER } })).toEqual([third]);
    expect(await ask({ keys: ["a", "b"] })).toEqual([[A, 0, String(bitsOf(2))]]);
    expect(await ask({ keys: ["c"] })).toEqual([]);
  });

  test("reads any range of leaves, whatever bundles they came in", async () => {
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

  test("keeps every byte: empty leaves, all values, a whole message", async () => {
    const leaves = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      new Uint8Array(48 * 1024).fill(0x5c),
    ];
    await store.commit([growthOf(A, [], leaves)]);
    expect((await store.leaves(A, 0, 9)).map(String)).toEqual(leaves.map(String));
  });

  test("leaves a pack alone whose position has moved, and commits the others of the group", async () => {
    await store.commit([growth(0, 5)]);
    const other = growth(0, 3, { pack: B });
    expect(await store.commit([growth(0, 7), other])).toEqual(["conflict", "stored"]);
    const forked = { ...growth(5, 6), previous: { ...position(5), nodes: position(6).nodes } };
    expect(await store.commit([forked])).toEqual(["conflict"]);
    expect((await store.pack(A))?.size).toBe(5);
    expect(await store.leaves(A, 0, 10)).toHaveLength(5);
    expect((await store.pack(B))?.size).toBe(3);
  });

  test("takes a pack's commits of one group in their order, each once", async () => {
    const group = [growth(0, 5), growth(0, 5), growth(5, 9), growth(5, 9)];
    expect(await store.commit(group)).toEqual(["stored", "conflict", "stored", "conflict"]);
    expect((await store.leaves(A, 0, 20)).map(String)).toEqual(
      Array.from({ length: 9 }, (_, i) => String(leaf(i))),
    );
    expect((await store.pack(A))?.receipt).toEqual({ size: 9, text: "receipt 9" });
    expect(await store.head(A, 5)).toEqual(leafHash(leaf(4)));
  });

  test("does not know a pack whose growth does not begin at its beginning", async () => {
    expect(await store.commit([growth(5, 9)])).toEqual(["conflict"]);
    expect(await store.packs()).toEqual([]);
  });

  test.each<[string, PackCommit]>([
    ["a hole before its leaves", growth(0, 5, { leaves: [{ first: 1, leaves: [leaf(1)] }] })],
    ["fewer leaves than it says", growth(0, 5, { leaves: growth(0, 4).leaves })],
    ["more leaves than it says", growth(0, 5, { leaves: growth(0, 6).leaves })],
    ["no leaves", growth(0, 5, { next: position(0), leaves: [] })],
    ["a head beyond its leaves", growth(0, 5, { heads: growth(0, 6).heads })],
    ["a receipt beyond its leaves", growth(0, 5, { receipt: { size: 6, text: "r" } })],
  ])("stores nothing of a group with a commit that has %s", async (_what, broken) => {
    const group = [growth(0, 3, { pack: B }), broken];
    await expect(store.commit(group)).rejects.toMatchObject({ code: "invariant" });
    expect(await store.packs()).toEqual([]);
  });

  test("keeps an older receipt when none comes with the growth", async () => {
    await store.commit([growth(0, 5)]);
    await store.commit([growth(5, 6, { receipt: undefined, heads: [] })]);
    expect(await store.pack(A)).toMatchObject({ size: 6, receipt: { size: 5 } });
    await store.commit([growth(0, 5, { pack: B, receipt: undefined })]);
    expect((await store.pack(B))?.receipt).toBeUndefined();
  });

  test("keeps forks and poison, each once, sixteen a pack", async () => {
    const fork = { pack: A, kind: "epoch", size: 3, payload: utf8("x"), receipt: "r" } as const;
    expect(await store.keepFork(fork)).toBe(true);
    expect(await store.keepFork(fork)).toBe(false);
    expect(await store.forks()).toEqual([fork]);
    expect(await store.keepFork({ ...fork, payload: utf8("y") })).toBe(true);
    expect(await store.forkedPacks()).toEqual([A]);
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

  test("keeps a message that was refused, whatever characters the reason has", async () => {
    const message = "the log \0 \ud800 – ключ";
    expect(await store.park({ pack: A, reason: "entry", message, payload: utf8("x") })).toBe(true);
    const [kept] = await store.parked();
    expect(kept?.message).toMatch(/^the log /);
  });

  test("logs each record that comes with a stored receipt, in their order, and keeps the head that was signed", async () => {
    expect(await store.receiptLog()).toEqual({ size: 0, nodes: [], note: undefined });
    expect(await store.receiptRecords(0, 9)).toEqual([]);
    const group = [
      growth(0, 5, given(5)),
      growth(0, 3, { pack: B, receipt: undefined }),
      growth(0, 7, given(7)),
      growth(5, 9, given(9)),
    ];
    expect(await store.commit(group, signed)).toEqual(["stored", "stored", "conflict", "stored"]);
    const leaves = [utf8("record 5"), utf8("record 9")];
    const log = positionOf(leaves);
    expect(await store.receiptLog()).toEqual({ ...log, note: noteOf(leaves) });
    expect((await store.receiptRecords(0, 9)).map(String)).toEqual(leaves.map(String));
    await store.commit([growth(9, 12)], signed);
    expect(await store.receiptLog()).toEqual({ ...log, note: noteOf(leaves) });
    await store.commit([growth(12, 13, given(13))]);
    const longer = positionOf([...leaves, utf8("record 13")]);
    expect(await store.receiptLog()).toEqual({ ...longer, note: noteOf(leaves) });
    await store.commit([growth(13, 14, given(14))], signed);
    const all = [...leaves, utf8("record 13"), utf8("record 14")];
    expect(await store.receiptLog()).toEqual({ ...positionOf(all), note: noteOf(all) });
    for (let from = 0; from <= 4; from += 1) {
      for (const limit of [1, 2, 9]) {
        const page = await store.receiptRecords(from, limit);
        expect(page.map(String)).toEqual(all.slice(from, from + limit).map(String));
      }
    }
  });

  test("begins the receipt log once, with one signed head, whoever begins it", async () => {
    const workers = bed?.workers ?? [];
    const older = Array.from({ length: 600 }, (_, i) => utf8(`older ${i}`));
    const begun = await Promise.all(workers.map((it) => it.beginReceiptLog(older, signed)));
    expect(new Set(begun)).toEqual(new Set([noteOf(older)]));
    expect(await store.beginReceiptLog([utf8("more")], () => "another's")).toBe(noteOf(older));
    await store.commit([growth(0, 5, given(5))], signed);
    const all = [...older, utf8("record 5")];
    expect(await store.beginReceiptLog([], () => "another's")).toBe(noteOf(all));
    expect((await store.receiptRecords(250, 700)).map(String)).toEqual(all.slice(250).map(String));
    expect(await store.receiptSubtrees(1, 0, 9)).toHaveLength(2);
  });

  test("signs the receipt log's newest head again, for whoever names it as it is", async () => {
    const begun = await store.beginReceiptLog([utf8("older")], signed);
    const again = (note: string) => () => note;
    expect(await store.beginReceiptLog([utf8("more")], again("new"), "another")).toBe(begun);
    expect(await store.beginReceiptLog([utf8("more")], again("new"), begun)).toBe("new");
    expect(await store.receiptLog()).toEqual({ ...positionOf([utf8("older")]), note: "new" });
    expect(await store.beginReceiptLog([], again("newer"), begun)).toBe("new");
    expect((await store.receiptRecords(0, 9)).map(String)).toEqual([String(utf8("older"))]);
  });

  test("begins an empty receipt log with a head of no leaves", async () => {
    expect(await store.beginReceiptLog([], signed)).toBe(noteOf([]));
    expect(await store.receiptLog()).toEqual({ ...positionOf([]), note: noteOf([]) });
  });

  test("logs no record where its commit fails, nor where no head of it can be signed", async () => {
    const broken = growth(0, 5, { leaves: growth(0, 4).leaves, ...given(5) });
    await expect(
      store.commit([growth(0, 3, { pack: B, ...given(3) }), broken], signed),
    ).rejects.toThrow();
    const unsigned = store.commit([growth(0, 5, given(5))], () => {
      throw new InvariantViolation("no key");
    });
    await expect(unsigned).rejects.toThrow("no key");
    expect(await store.receiptLog()).toEqual({ size: 0, nodes: [], note: undefined });
    expect(await store.packs()).toEqual([]);
    await store.commit([growth(0, 5, given(5))], signed);
    expect(await store.receiptLog()).toMatchObject({ size: 1 });
  });

  test("keeps the roots of the receipt log's complete blocks", async () => {
    const records = Array.from({ length: 600 }, (_, i) => utf8(`record ${i + 1}`));
    let size = 0;
    for (const to of [200, 511, 512, 600]) {
      const group = [];
      for (; size < to; size += 1) group.push(growth(size, size + 1, given(size + 1)));
      await store.commit(group, signed);
    }
    const hashes = records.map((record) => leafHash(record));
    const roots = [0, 1].map((i) => rootOf(hashes.slice(256 * i, 256 * (i + 1))));
    expect((await store.receiptSubtrees(1, 0, 9)).map(String)).toEqual(roots.map(String));
    expect((await store.receiptSubtrees(1, 1, 1)).map(String)).toEqual([String(roots[1])]);
    expect(await store.receiptSubtrees(1, 2, 1)).toEqual([]);
    expect(await store.receiptSubtrees(2, 0, 1)).toEqual([]);
  });

  test("is one receipt log for all workers: each record once, every head an extension of the last", {
    timeout: 120_000,
  }, async () => {
    const heads: { readonly size: number; readonly root: Uint8Array }[] = [];
    const workers = bed?.workers ?? [];
    const names = Array.from({ length: 6 }, (_, i) => nameOf(i));
    await Promise.all(
      names.map(async (pack, i) => {
        const worker = workers[i % workers.length];
        for (let size = 0; size < 12; size += 1) {
          const receipt = { size: size + 1, text: "", record: utf8(`${pack} ${size + 1}`) };
          await worker?.commit([growth(size, size + 1, { pack, receipt })], (head) => {
            heads.push(head);
            return signed(head);
          });
        }
      }),
    );
    const log = await store.receiptRecords(0, 100);
    expect(log).toHaveLength(72);
    for (const pack of names) {
      const own = log.map((record) => new TextDecoder().decode(record));
      expect(own.filter((record) => record.startsWith(pack))).toEqual(
        Array.from({ length: 12 }, (_, i) => `${pack} ${i + 1}`),
      );
    }
    expect(await store.receiptLog()).toEqual({ ...positionOf(log), note: noteOf(log) });
    for (const { size, root } of heads) {
      expect(String(root)).toBe(String(rootOf(log.slice(0, size).map((it) => leafHash(it)))));
    }
  });

  test("finds a module in two logs with the commit that makes it so, and tells of it once", async () => {
    const stays = (...all: PackCommit["stays"]) => ({ stays: all });
    await store.commit([growth(0, 5, stays(stay(2, 0, 1_000)))]);
    await store.commit([growth(0, 5, { pack: B, ...stays(stay(3, 1_000, 1_200)) })]);
    expect(await store.modulesTwice("all")).toEqual([]);
    await store.commit([growth(5, 6, stays(stay(2, 0, 1_100)))]);
    const found = await store.modulesTwice("untold");
    expect(found).toEqual([
      {
        module: stay(0, 0, 0).module,
        stays: [
          { pack: A, stay: stay(2, 0, 1_100) },
          { pack: B, stay: stay(3, 1_000, 1_200) },
        ],
      },
    ]);
    await store.told(found);
    await store.commit([growth(6, 7, stays(stay(2, 0, 1_150)))]);
    expect(await store.modulesTwice("untold")).toEqual([]);
    expect(await store.modulesTwice("all")).toEqual(found);
  });

  test("finds a module in two logs that come in one group, and none by growth that was not stored", async () => {
    const claims = { stays: [stay(2, 0, 500)] };
    const group = [growth(0, 5, { pack: B, ...claims }), growth(1, 5, claims)];
    expect(await store.commit(group)).toEqual(["stored", "conflict"]);
    expect(await store.modulesTwice("all")).toEqual([]);
    await store.commit([growth(0, 5, claims), growth(5, 6, { pack: B, stays: [stay(2, 0, 600)] })]);
    expect(await store.modulesTwice("all")).toHaveLength(1);
  });

  test("finds a module whose two logs are stored at the same moment", {
    timeout: 120_000,
  }, async () => {
    const [first, second = first] = bed?.workers ?? [store];
    const modules = Array.from({ length: 18 }, (_, i) => `57010000000000${i + 10}`);
    for (const [i, module] of modules.entries()) {
      const [a, b] = [nameOf(2 * i), nameOf(2 * i + 1)];
      // Known before: neither's stay, one's, both's.
      const before = [a, b].slice(0, i % 3);
      for (const pack of before) {
        const stays = [stay(0, pack === a ? 0 : 100, pack === a ? 100 : 110, module)];
        await first.commit([growth(0, 5, { pack, stays })]);
      }
      const from = (pack: PackName) => (before.includes(pack) ? 5 : 0);
      await Promise.all([
        first.commit([growth(from(a), 6, { pack: a, stays: [stay(0, 0, 105, module)] })]),
        second.commit([growth(from(b), 6, { pack: b, stays: [stay(0, 100, 115, module)] })]),
      ]);
    }
    const found = await store.modulesTwice("all");
    expect(found.map(({ module }) => module)).toEqual(modules);
  });

  test("keeps the newest stays of a module in a pack, and forgets what the oldest claimed", async () => {
    const stays = Array.from({ length: MAX_STAYS + 1 }, (_, i) =>
      stay(10 * i, 100 * i, 100 * i + 9),
    );
    await store.commit([growth(0, 5, { stays: stays.slice(0, 3) })]);
    await store.commit([growth(5, 6, { stays: stays.slice(3) })]);
    await store.commit([growth(0, 5, { pack: B, stays: [stay(0, 0, 9)] })]);
    expect(await store.modulesTwice("all")).toEqual([]);
    await store.commit([growth(5, 6, { pack: B, stays: [stay(0, 0, 105)] })]);
    expect(await store.modulesTwice("all")).toHaveLength(1);
  });

  test("two workers and redelivery: each index is stored once, and is what it was when it was acknowledged", {
    timeout: 400_000,
  }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 6 }), async (rounds) => {
        const names = [0, 1, 2].map((i) => nameOf(3 * run + i));
        run += 1;
        const logs = new Map(names.map((name): [PackName, Uint8Array[]] => [name, []]));
        for (const groups of rounds) {
          const commits = groups.map((group) => group.map((wish) => commitOf(wish, names, logs)));
          const outcomes = await Promise.all(
            commits.map((group, i) => {
              const workers = bed?.workers ?? [store];
              return Promise.resolve(workers[i % workers.length]?.commit(group) ?? []);
            }),
          );
          account(commits, outcomes, logs);
          for (const [name, log] of logs) await expectStored(store, name, log);
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** A receipt that has a record. */
function given(size: number): Pick<PackCommit, "receipt"> {
  return { receipt: { size, text: `receipt ${size}`, record: utf8(`record ${size}`) } };
}

function signed({ size, root }: { readonly size: number; readonly root: Uint8Array }): string {
  return `${size} ${root}`;
}

function noteOf(leaves: readonly Uint8Array[]): string {
  return signed({ size: leaves.length, root: rootOf(leaves.map((leaf) => leafHash(leaf))) });
}

/** What a worker wants to add to one of three packs, from where it believes the log ends. */
const wish = fc.record({
  pack: fc.nat(2),
  count: fc.integer({ min: 1, max: 4 }),
  /** Content of the leaves: two workers may have been given different futures. */
  mark: fc.constantFrom("", " other"),
  /** Leaves by which its view is behind. */
  behind: fc.constantFrom(0, 0, 0, 1, 3),
  /** Its view has another last leaf. */
  forked: fc.boolean(),
});
/** Groups that are committed at the same time, by workers in turn; a group may say the same twice. */
const group = fc.array(wish, { minLength: 1, maxLength: 4 });
const round = fc.array(group, { minLength: 1, maxLength: 3 });

type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

function bitsOf(...entries: readonly number[]): Uint8Array {
  const bits = new Uint8Array(32);
  for (const at of entries) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  return bits;
}

const DIGITS = "abcdefghijklmnopqrstuvwxyz234567";

function nameOf(number: number): PackName {
  let name = "";
  for (let rest = number; name.length < 32; rest = Math.floor(rest / 32)) {
    name = `${DIGITS[rest % 32]}${name}`;
  }
  return packName(name);
}

function commitOf(
  { pack, count, mark, behind, forked }: Wish,
  names: readonly PackName[],
  logs: ReadonlyMap<PackName, readonly Uint8Array[]>,
): PackCommit {
  const name = names[pack] ?? A;
  const log = logs.get(name) ?? [];
  const seen = log.slice(0, Math.max(0, log.length - behind));
  const before = forked && seen.length > 0 ? [...seen.slice(0, -1), leaf(0, " fork")] : seen;
  const leaves = Array.from({ length: count }, (_, i) => leaf(before.length + i, mark));
  return growthOf(name, before, leaves);
}

/** What was acknowledged follows what was there, without a gap, and once. */
function account(
  commits: readonly (readonly PackCommit[])[],
  outcomes: readonly (readonly string[])[],
  logs: ReadonlyMap<PackName, Uint8Array[]>,
): void {
  const stored = commits.flatMap((group, g) =>
    group.filter((_, i) => outcomes[g]?.[i] === "stored"),
  );
  for (const commit of stored.sort((a, b) => a.previous.size - b.previous.size)) {
    const log = logs.get(commit.pack) ?? [];
    expect(commit.previous).toEqual(positionOf(log));
    log.push(...commit.leaves.flatMap(({ leaves }) => leaves));
  }
}

async function expectStored(store: FederationStore, name: PackName, log: readonly Uint8Array[]) {
  const row = await store.pack(name);
  expect({ size: row?.size ?? 0, nodes: row?.nodes ?? [] }).toEqual(positionOf(log));
  expect((await store.leaves(name, 0, log.length + 9)).map(String)).toEqual(log.map(String));
  expect(row?.receipt?.size).toBe(log.length === 0 ? undefined : log.length);
}
