/** Every point at which a kill can cut a transaction: before each call that changes a file. */
import fs from "node:fs";
import { join } from "node:path";
import { leafHash, rootOf } from "@wattseal/tlog";
import { afterEach, expect, it, vi } from "vitest";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { A, B, growth, leaf } from "../growth.fixture.js";
import { Database, type Schema } from "./database.js";
import { SqliteStore } from "./sqlite.js";

/** What node-sqlite3-wasm changes files by. */
const CHANGES = ["openSync", "writeSync", "ftruncateSync", "unlinkSync", "fsyncSync", "rmdirSync"];

afterEach(() => {
  vi.restoreAllMocks();
});

/** A receipt with a record of its own. */
function given(record: number) {
  return { receipt: { size: 1, text: "receipt", record: leaf(record) } };
}

/** Calls `before` ahead of every change to a file; the adapter asks node:fs for each anew. */
function beforeEachChange(before: () => void): void {
  let within = false;
  for (const name of CHANGES) {
    const real = Reflect.get(fs, name);
    vi.spyOn(fs, name as "writeSync").mockImplementation((...args: unknown[]) => {
      if (!within) {
        within = true;
        before();
        within = false;
      }
      return Reflect.apply(real, fs, args);
    });
  }
}

const SCHEMA: Schema = {
  name: "test",
  file: "test.db",
  application: 1,
  version: 1,
  from: () =>
    "CREATE TABLE page (id INTEGER PRIMARY KEY, data BLOB NOT NULL); PRAGMA application_id = 1; PRAGMA user_version = 1;",
};

it("leaves whole commits where a kill comes while the write-ahead log goes into the file", {
  timeout: 60_000,
}, async () => {
  const home = temporaryDirectory();
  const cuts: { readonly directory: string; readonly answered: number }[] = [];
  const live = join(home.path, "live");
  const database = await Database.open(live, SCHEMA);
  database.all("PRAGMA wal_autocheckpoint = 4");
  const sizes = new Set<number>();
  let answered = 0;
  beforeEachChange(() => {
    const directory = join(home.path, String(cuts.length));
    fs.cpSync(live, directory, { recursive: true });
    cuts.push({ directory, answered });
  });
  const page = (i: number) => new Uint8Array(4_000).fill(i);
  for (let i = 1; i <= 4; i += 1) {
    database.run("INSERT INTO page (id, data) VALUES (?, ?)", [i, page(i)]);
    answered += 1;
    sizes.add(fs.statSync(join(live, "test.db")).size);
  }
  vi.restoreAllMocks();
  await database.close();

  expect(sizes.size).toBeGreaterThan(1);
  for (const [i, cut] of cuts.entries()) {
    const after = await Database.open(cut.directory, SCHEMA);
    const rows = after.all("SELECT id, data FROM page ORDER BY id");
    expect(rows.length, `cut ${i}`).toBeGreaterThanOrEqual(cut.answered);
    expect(rows.map((row) => row.get("data"))).toEqual(rows.map((_, at) => page(at + 1)));
    expect(after.all("PRAGMA integrity_check")[0]?.get("integrity_check")).toBe("ok");
    await after.close();
  }
  home.remove();
});

it("leaves whole commits wherever a kill comes, none of them lost that was answered for", async () => {
  const home = temporaryDirectory();
  const cuts: { readonly directory: string; readonly answered: number }[] = [];
  const live = join(home.path, "live");
  const steps = [
    [growth(0, 5, given(1))],
    [growth(5, 9, given(2)), growth(0, 300, { pack: B, ...given(3) })],
    [growth(9, 12, given(4)), growth(300, 301, { pack: B })],
  ];
  const logged = [0, 1, 3, 4];
  const sign = ({ size, root }: { size: number; root: Uint8Array }) => `${size} ${root}`;
  let answered = 0;
  const store = await SqliteStore.open(live);
  beforeEachChange(() => {
    const directory = join(home.path, String(cuts.length));
    fs.cpSync(live, directory, { recursive: true });
    cuts.push({ directory, answered });
  });
  for (const group of steps) {
    expect(new Set(await store.commit(group, sign))).toEqual(new Set(["stored"]));
    answered += 1;
  }
  await store.close();
  vi.restoreAllMocks();

  const states = [
    [undefined, undefined],
    [5, undefined],
    [9, 300],
    [12, 301],
  ];
  expect(cuts.length).toBeGreaterThan(20);
  for (const [i, cut] of cuts.entries()) {
    const after = await SqliteStore.open(cut.directory);
    const [a, b] = [await after.pack(A), await after.pack(B)];
    const state = states.findIndex(([x, y]) => x === a?.size && y === b?.size);
    expect(state, `cut ${i}: ${a?.size} and ${b?.size}`).toBeGreaterThanOrEqual(cut.answered);
    expect(await after.leaves(A, 0, 1000)).toHaveLength(a?.size ?? 0);
    expect(await after.leaves(B, 0, 1000)).toHaveLength(b?.size ?? 0);
    expect((await after.fold(A))?.size).toBe(a?.size);
    const records = await after.receiptRecords(0, 9);
    expect(records.map(String)).toEqual(
      [1, 2, 3, 4].slice(0, logged[state]).map((i) => `${leaf(i)}`),
    );
    const head = { size: records.length, root: rootOf(records.map((record) => leafHash(record))) };
    const { note } = await after.receiptLog();
    expect(note).toBe(records.length === 0 ? undefined : sign(head));
    await after.close();
  }
  home.remove();
});

it("is made anew wherever a kill comes while it is made", async () => {
  const home = temporaryDirectory();
  const live = join(home.path, "live");
  const cuts: string[] = [];
  beforeEachChange(() => {
    if (!fs.existsSync(live)) return;
    const directory = join(home.path, String(cuts.length));
    fs.cpSync(live, directory, { recursive: true });
    cuts.push(directory);
  });
  await (await SqliteStore.open(live)).close();
  vi.restoreAllMocks();
  expect(cuts.length).toBeGreaterThan(10);
  for (const directory of cuts) {
    const store = await SqliteStore.open(directory);
    expect(await store.packs()).toEqual([]);
    expect(await store.commit([growth(0, 5, given(1))], () => "head")).toEqual(["stored"]);
    await store.close();
  }
});
