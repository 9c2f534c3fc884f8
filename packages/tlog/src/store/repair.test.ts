import { toHex, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { backupLog } from "./backup.js";
import { type CrashKind, MemoryFiles } from "./memory-files.fixture.js";
import { repairLog } from "./repair.js";
import {
  entriesFrom,
  filled,
  noteOf,
  open,
  readOnly,
  refusal,
  rootOfFirst,
} from "./store.fixture.js";

const repair = (files: MemoryFiles, copy: MemoryFiles) =>
  repairLog({ directory: "memory", copy: "memory" }, files, copy);
const contentOf = (files: MemoryFiles) =>
  new Map([...files.names].map(([name, { data }]) => [name, toHex(data)]));
const dataOf = (files: MemoryFiles, path: string) => files.names.get(path)!.data;
const put = (files: MemoryFiles, path: string, data: Uint8Array) =>
  files.names.set(path, { data, durable: data.slice() });

async function grow(files: MemoryFiles, from: number, to: number, signed = to): Promise<void> {
  const log = await open(files);
  await log.append(entriesFrom(from, to - from));
  await log.writeHead(noteOf(signed, log.root(signed)));
  await log.close();
}

/** A log, the copy that was made of it at `copied` entries, and what it was before any damage. */
async function aged(copied = 1500, size = 2200, signed = 2150) {
  const files = await filled(copied, copied);
  const copy = new MemoryFiles();
  await backupLog({ source: "memory", destination: "memory" }, files, copy);
  await grow(files, copied, size, signed);
  return { files: files.after("kill"), copy, whole: contentOf(files) };
}

/** Without what a mending keeps of the damage. */
const logOf = (files: MemoryFiles) =>
  new Map([...contentOf(files)].filter(([name]) => !name.startsWith("damaged-")));

/** Byte at which the journal's record of entry `index` begins. */
function recordAt(files: MemoryFiles, index: number): number {
  const bytes = dataOf(files, "journal");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 24;
  for (let i = Number(view.getBigUint64(8, true)); i < index; i += 1) {
    at += 8 + view.getUint32(at, true) + 32;
  }
  return at;
}

async function expectUnmended(files: MemoryFiles, copy: MemoryFiles, message: RegExp) {
  const before = contentOf(files);
  await expect(repair(files, copy)).rejects.toThrow(refusal("unmended", message));
  await expect(repair(files, copy)).rejects.toThrow(/nothing was changed$/);
  expect(contentOf(files)).toEqual(before);
}

describe("mending a log from a copy", { timeout: 120_000 }, () => {
  it("changes nothing of one that is whole", async () => {
    const { files, copy, whole } = await aged();
    const { mended, damaged, log } = await repair(files, copy);
    expect([mended, damaged, log.durableSize]).toEqual([[], undefined, 2200]);
    expect(contentOf(files)).toEqual(whole);
  });

  it("brings back bundles and tiles byte for byte, and keeps what was there", async () => {
    const { files, copy, whole } = await aged();
    dataOf(files, "tile/entries/002")[9]! ^= 1;
    const flipped = toHex(dataOf(files, "tile/entries/002"));
    files.names.delete("tile/0/003");
    files.names.delete("tile/entries/004");
    await expect(open(files.after("kill"))).rejects.toThrow(
      refusal(
        "corrupt",
        /mend it from a copy of this log, or restore this log from the federation/,
      ),
    );
    const { mended, damaged } = await repair(files, copy);
    expect(mended).toEqual([
      { path: "tile/entries/002", what: "was damaged; entries 512 to 767 taken from the copy" },
      { path: "tile/0/003", what: "was missing; hashes taken from the copy" },
      { path: "tile/entries/004", what: "was missing; entries 1024 to 1279 taken from the copy" },
    ]);
    expect(damaged).toBe("damaged-1");
    expect(logOf(files)).toEqual(whole);
    expect(toHex(dataOf(files, "damaged-1/tile/entries/002"))).toBe(flipped);
    const log = await open(files.after("power"));
    expect([log.durableSize, log.documents()]).toEqual([2200, []]);
    expect(toHex(log.root())).toBe(toHex(rootOfFirst(2200)));
    await log.close();
    dataOf(files, "tile/entries/001")[5]! ^= 4;
    expect((await repair(files, copy)).damaged).toBe("damaged-2");
  });

  it("has tiles above level 0 too", async () => {
    const { files, copy, whole } = await aged(66_000, 66_100, 66_100);
    dataOf(files, "tile/1/000")[700]! ^= 8;
    expect((await repair(files, copy)).mended.map(({ path }) => path)).toEqual(["tile/1/000"]);
    expect(logOf(files)).toEqual(whole);
  });

  it.each([
    ["entry", 9],
    ["length", 1],
    ["hash", -3],
  ])(
    "fills a journal's damaged record from the copy, and keeps those behind (%s)",
    async (_, at) => {
      const { files, copy, whole } = await aged(2100);
      const end = at < 0 ? recordAt(files, 2061) : recordAt(files, 2060);
      dataOf(files, "journal")[end + at]! ^= 2;
      const { mended, log } = await repair(files, copy);
      expect(mended.map(({ path }) => path)).toEqual(["journal"]);
      expect([log.durableSize, log.head?.checkpoint.size]).toEqual([2200, 2150]);
      expect(logOf(files)).toEqual(whole);
    },
  );

  it("reads a journal whose header is damaged", async () => {
    const { files, copy, whole } = await aged();
    dataOf(files, "journal")[9]! ^= 1;
    await repair(files, copy);
    expect(logOf(files)).toEqual(whole);
  });

  it("gives up unsigned records that nothing has, and says so", async () => {
    const { files, copy } = await aged();
    dataOf(files, "journal")[recordAt(files, 2170) + 9]! ^= 1;
    const { mended, log } = await repair(files, copy);
    expect(mended[0]?.what).toMatch(/entries 2048 to 2169, .* from entry 2170 on is lost/);
    expect([log.durableSize, log.head?.checkpoint.size]).toEqual([2170, 2150]);
    expect(toHex(log.root())).toBe(toHex(rootOfFirst(2170)));
    expect(files.names.has("damaged-1/journal")).toBe(true);
  });

  it("names the signed entries that are nowhere, and changes nothing", async () => {
    const { files, copy } = await aged();
    dataOf(files, "tile/entries/002")[9]! ^= 1;
    put(files, "journal", dataOf(files, "journal").slice(0, recordAt(files, 2100) + 5));
    await expectUnmended(files, copy, /entries 2100 to 2149, which were signed, are not in it/);
    files.names.delete("journal");
    await expectUnmended(files, copy, /has entries 0 to 1499: entries 2048 to 2149, which were/);
    const newer = await aged(1000);
    dataOf(newer.files, "tile/entries/006")[9]! ^= 1;
    await expectUnmended(newer.files, newer.copy, /there is still: .*tile\/entries\/006: entry/);
  });

  it("brings back a head, held by what both have alike, and a missing journal that was never signed", async () => {
    const { files, copy, whole } = await aged();
    put(files, "checkpoint", utf8("nothing"));
    const { mended, log } = await repair(files, copy);
    expect(mended[0]?.what).toMatch(/no head here holds what follows its 1500 entries/);
    expect([log.durableSize, log.head?.checkpoint.size]).toEqual([2200, 1500]);
    expect(logOf(files)).toEqual(
      new Map(whole).set("checkpoint", contentOf(copy).get("checkpoint")!),
    );
    for (const journal of [utf8("nothing"), undefined]) {
      const both = await aged();
      both.files.names.delete("checkpoint");
      if (journal === undefined) both.files.names.delete("journal");
      else put(both.files, "journal", journal);
      await expectUnmended(both.files, both.copy, /both damaged: what was signed cannot be told/);
    }
    const lost = await aged(2100, 2150, 2100);
    lost.files.names.delete("journal");
    expect((await repair(lost.files, lost.copy)).log.durableSize).toBe(2100);
  });

  it("of a pruned log needs nothing below its floor, and brings the floor back", async () => {
    for (const path of [undefined, "floor", "kept"]) {
      const { files, copy } = await aged();
      const log = await open(files);
      await log.prune(600, () => [0]);
      await log.close();
      const pruned = contentOf(files);
      const later = new MemoryFiles();
      await backupLog({ source: "memory", destination: "memory" }, files, later);
      dataOf(files, "tile/entries/003")[9]! ^= 1;
      if (path !== undefined) dataOf(files, path)[20]! ^= 1;
      await repair(files, path === undefined ? copy : later);
      expect(logOf(files)).toEqual(pruned);
      if (path !== "floor") continue;
      dataOf(files, path)[20]! ^= 1;
      expect((await repair(files, copy)).log.firstEntry).toBe(0); // the copy has what was pruned
    }
    const { files, copy } = await aged();
    const short = await open(copy);
    await short.prune(1400);
    await short.close();
    dataOf(files, "tile/entries/006")[9]! ^= 1;
    await expectUnmended(files, copy, /which has entries 1280 to 1499: .*tile\/entries\/006/);
  });

  it("never mixes two logs", async () => {
    const other = new MemoryFiles();
    const log = await open(other);
    await log.append(entriesFrom(5000, 1500));
    await log.writeHead(noteOf(1500, log.root()));
    await log.close();
    for (const path of ["tile/0/002", "checkpoint", "journal"]) {
      const { files } = await aged();
      files.names.delete(path);
      await expectUnmended(files, other, /(it is not|nothing says that it is) a copy of this log/);
    }
    const { files } = await aged();
    for (const name of ["tile/entries/000", "checkpoint"]) files.names.delete(name);
    await expectUnmended(files, other, /(it is not|nothing says that it is) a copy of this log/);
  });

  it("does not take a copy that went another way behind the last common entry", async () => {
    const { files, copy } = await aged();
    const log = await open(copy);
    await log.append(entriesFrom(9000, 600));
    await log.writeHead(noteOf(2100, log.root()));
    await log.close();
    for (const path of ["tile/0/002", "checkpoint", "journal"]) {
      const damaged = files.after("kill");
      damaged.names.delete(path);
      await expectUnmended(damaged, copy, /./);
    }
  });

  it("refuses a damaged copy, a log in use, and what is no log", async () => {
    const { files, copy } = await aged();
    const log = await open(files);
    await expect(repair(files, copy)).rejects.toThrow(refusal("locked"));
    await log.close();
    dataOf(copy, "tile/0/001")[9]! ^= 1;
    await expect(repair(files, copy)).rejects.toThrow(refusal("corrupt"));
    await expect(repair(new MemoryFiles(), files)).rejects.toThrow(refusal("missing"));
    await expect(repair(files, new MemoryFiles())).rejects.toThrow(refusal("missing"));
  });

  it.each<CrashKind>(["kill", "power", "torn"])(
    "that is cut short at any step (%s) is done again, to the same end",
    async (kind) => {
      const { files, copy, whole } = await aged(2100);
      dataOf(files, "tile/entries/002")[9]! ^= 1;
      files.names.delete("tile/0/003");
      dataOf(files, "journal")[recordAt(files, 2060) + 9]! ^= 2;
      let state = 5;
      const coin = () => {
        state = (state * 48271) % 0x7fffffff;
        return state % 2 === 0;
      };
      const durable = files.after("kill");
      const probe = durable.after("kill");
      await repair(probe, copy);
      expect(probe.steps).toBeGreaterThan(15);
      for (let at = 1; at <= probe.steps; at += 1) {
        const broken = durable.after("kill");
        for (const directory of new Set(
          [...broken.names.keys()].map((name) => name.replace(/\/?[^/]*$/, "")),
        )) {
          await broken.syncDirectory(directory);
        }
        broken.steps = 0;
        broken.failAt = at;
        await expect(repair(broken, copy)).rejects.toThrow();
        const left = broken.after(kind, coin);
        await repair(left, copy);
        const log = await open(left);
        await log.close();
        const has = [...logOf(left)].filter(([name]) => !name.startsWith("tmp/"));
        expect(new Map(has)).toEqual(whole);
      }
      expect((await readOnly(probe)).durableSize).toBe(2200);
    },
  );
});
