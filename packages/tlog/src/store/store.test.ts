import { toHex, utf8 } from "@wattseal/base";
import { beforeAll, describe, expect, it } from "vitest";
import { leafHash } from "../tree/hash.js";
import { naiveLeaf, naiveRoot } from "../tree/tree.fixture.js";
import { verifyConsistency, verifyInclusion } from "../tree/verify.js";
import { encodeEntries } from "./journal.js";
import { Crash, type CrashKind, MemoryFiles } from "./memory-files.fixture.js";
import {
  entriesFrom,
  entryAt,
  expected,
  filled,
  noteOf,
  open,
  readOnly,
  refusal,
  rootOfFirst,
  texts,
} from "./store.fixture.js";

describe("a log", () => {
  it("keeps what was appended, in order, over bundles and openings", async () => {
    const files = new MemoryFiles();
    let size = 0;
    for (const count of [1, 254, 1, 1, 300, 700, 256, 23]) {
      const log = await open(files);
      expect(log.opened).toEqual({ created: size === 0, cut: undefined });
      expect(await log.append(entriesFrom(size, count))).toEqual({ first: size, count });
      size += count;
      expect([log.size, log.durableSize]).toEqual([size, size]);
      await log.close();
    }
    const log = await readOnly(files);
    expect(texts(log)).toEqual(expected(size));
    expect(toHex(log.root())).toBe(toHex(naiveRoot(expected(size).map((e) => naiveLeaf(utf8(e))))));
    expect(toHex(log.frontier.root())).toBe(toHex(log.root()));
    expect(Buffer.from(log.entry(700)).toString()).toBe("e700");
    expect(toHex(log.leafHash(700))).toBe(toHex(leafHash(entryAt(700))));
    expect([...log.entries(3, 5)]).toHaveLength(2);
  });

  it("proves inclusion and growth at every past size it is asked for", async () => {
    const log = await readOnly(await filled(1100));
    const sizes = [1, 2, 255, 256, 257, 511, 512, 768, 1023, 1024, 1025, 1100];
    for (const size of sizes) {
      const root = log.root(size);
      expect(toHex(root)).toBe(toHex(rootOfFirst(size)));
      for (const index of [0, size >> 1, size - 1]) {
        verifyInclusion({
          index,
          size,
          leafHash: log.leafHash(index),
          proof: log.inclusionProof(index, size),
          root,
        });
      }
      for (const size1 of sizes.filter((s) => s <= size)) {
        verifyConsistency({
          size1,
          size2: size,
          root1: log.root(size1),
          root2: root,
          proof: log.consistencyProof(size1, size),
        });
      }
    }
  });

  it("fills tiles of the second level, and verifies them", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    for (let at = 0; at < 66_000; at += 6000) await log.append(entriesFrom(at, 6000));
    expect(toHex(log.root())).toBe(toHex(rootOfFirst(66_000)));
    const proof = log.consistencyProof(257, 65_700);
    verifyConsistency({
      size1: 257,
      size2: 65_700,
      root1: log.root(257),
      root2: log.root(65_700),
      proof,
    });
    await log.close();
    expect([...files.names.keys()].filter((name) => name.startsWith("tile/1"))).toEqual([
      "tile/1/000",
    ]);
    files.names.get("tile/1/000")!.data[777]! ^= 4;
    await expect(readOnly(files)).rejects.toThrow(
      refusal("corrupt", /tile\/1\/000: hash 24 \(at byte 768\) is not the root of tile\/0\/024/),
    );
  });

  it("shares one sync between appends made at the same time", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    let syncs = 0;
    files.onStep = (what) => {
      if (what === "sync journal") syncs += 1;
    };
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => log.append([entryAt(i)])));
    expect(all.map(({ first }) => first)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(syncs).toBe(1);
    expect(texts(log)).toEqual(expected(50));
  });

  it("counts accepted entries before they are durable, and serves only durable ones", async () => {
    const log = await open(new MemoryFiles());
    const appended = log.append([entryAt(0)]);
    expect([log.size, log.durableSize]).toEqual([1, 0]);
    expect(() => log.entry(0)).toThrow(refusal("range"));
    await appended;
    expect(log.durableSize).toBe(1);
  });

  it("keeps entries apart from the caller's buffers", async () => {
    const log = await open(new MemoryFiles());
    const entry = Buffer.from("e0");
    const appended = log.append([entry]);
    entry.fill(0);
    await appended;
    expect(texts(log)).toEqual(["e0"]);
  });

  it("waits for what was accepted when it closes, then refuses", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    const appended = log.append(entriesFrom(0, 300));
    await log.close();
    await appended;
    await expect(log.append([entryAt(300)])).rejects.toThrow(refusal("closed"));
    expect((await readOnly(files)).durableSize).toBe(300);
  });

  it("refuses entries and indexes out of bounds", async () => {
    const log = await open(new MemoryFiles());
    await expect(log.append([new Uint8Array(0)])).rejects.toThrow(refusal("range", /0 bytes/));
    await expect(log.append([entryAt(0), new Uint8Array(16385)])).rejects.toThrow(
      refusal("range", /entry 1/),
    );
    await log.append([new Uint8Array(16384)]);
    expect(log.size).toBe(1);
    for (const bad of [-1, 1, 0.5, Number.NaN])
      expect(() => log.entry(bad)).toThrow(refusal("range"));
    expect(() => log.root(2)).toThrow(refusal("range"));
    expect(() => log.inclusionProof(0, 2)).toThrow(refusal("range"));
  });

  it("is not made where it should have been", async () => {
    await expect(open(new MemoryFiles(), { create: false })).rejects.toThrow(refusal("missing"));
    await expect(readOnly(new MemoryFiles())).rejects.toThrow(refusal("missing"));
  });

  it("is open once for writing, and read beside the writer", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    await expect(open(files)).rejects.toThrow(refusal("locked"));
    await log.append(entriesFrom(0, 600));
    expect((await readOnly(files)).durableSize).toBe(600);
    await log.close();
    await (await open(files)).close();
  });

  it("reads right at any moment of a writer's work", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    const views: Promise<number>[] = [];
    files.onStep = () => {
      views.push(readOnly(files).then((view) => view.durableSize));
    };
    let size = 0;
    for (const count of [10, 300, 5, 600]) {
      await log.append(entriesFrom(size, count));
      size += count;
      await log.writeHead(noteOf(size, log.root()));
    }
    const seen = await Promise.all(views);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(15);
  });
});

describe("head and documents", () => {
  it("come back at the next opening", async () => {
    const files = await filled(300, 290);
    const log = await open(files);
    expect(log.head?.checkpoint.size).toBe(290);
    await log.writeDocument("receipt", "one");
    await Promise.all([log.writeDocument("receipt", "two"), log.writeDocument("receipt", "three")]);
    expect(log.readDocument("receipt")).toBe("three");
    await log.close();
    const view = await readOnly(files);
    expect([view.head?.note, view.readDocument("receipt")]).toEqual([
      noteOf(290, rootOfFirst(290)),
      "three",
    ]);
    expect(view.readDocument("other")).toBeUndefined();
    for (const name of ["journal", "../x", "", "tile", "a/b"])
      expect(() => view.readDocument(name)).toThrow(refusal("range"));
  });

  it("follow the entries: a head beyond them, of another root or below the last is refused", async () => {
    const log = await open(await filled(300, 290));
    await expect(log.writeHead(noteOf(301, log.root()))).rejects.toThrow(
      refusal("head-mismatch", /300 are here/),
    );
    await expect(log.writeHead(noteOf(300, log.root(299)))).rejects.toThrow(
      refusal("head-mismatch", /root of 300/),
    );
    await expect(log.writeHead(noteOf(289, log.root(289)))).rejects.toThrow(
      refusal("head-mismatch", /one of 290/),
    );
    await expect(log.writeHead("nonsense")).rejects.toThrow(refusal("note"));
    await log.writeHead(noteOf(290, log.root(290)));
    await log.writeHead(noteOf(300, log.root()));
    expect(log.head?.checkpoint.size).toBe(300);
  });

  it("are shown to whoever verifies signatures", async () => {
    const files = await filled(3, 3);
    const seen: string[] = [];
    await readOnly(files, { verifyHead: (note: string) => seen.push(note) });
    expect(seen).toEqual([noteOf(3, rootOfFirst(3))]);
    const verifyHead = () => {
      throw new Error("not our key");
    };
    await expect(readOnly(files, { verifyHead })).rejects.toThrow(
      refusal("corrupt", /checkpoint: not our key; mend it from a copy/),
    );
  });
});

describe("a journal that ends inside a record", () => {
  it("is cut there at any byte, and says how much", async () => {
    const files = await filled(3);
    const whole = files.names.get("journal")!.data;
    const recordLength = 8 + 2 + 32;
    for (let missing = 1; missing < recordLength; missing += 1) {
      const cutShort = files.after("kill");
      cutShort.names.get("journal")!.data = whole.slice(0, whole.length - missing);
      const cut = { bytes: recordLength - missing };
      expect((await readOnly(cutShort)).opened.cut).toEqual(cut);
      const log = await open(cutShort);
      expect(log.opened).toEqual({ created: false, cut });
      await log.append([entryAt(2)]);
      await log.close();
      expect(texts(await readOnly(cutShort))).toEqual(expected(3));
    }
  });

  it("of zeros, as a power cut can leave it, is refused with where to cut; cut there, nothing acknowledged is lost", async () => {
    const files = await filled(3, 3);
    const whole = files.read("journal")!;
    const record = encodeEntries([entryAt(3)], 3).bytes;
    for (const written of [0, 1, 9, record.length - 32]) {
      const grown = new Uint8Array(whole.length + 4_096);
      grown.set(whole);
      grown.set(record.subarray(0, written), whole.length);
      const cut = files.after("kill");
      cut.names.get("journal")!.data = grown;
      const found = new RegExp(
        `journal: .*entry 3 \\(at byte ${whole.length}\\).*are zero.*truncate -s ${whole.length} memory/journal.*failing that, mend it from a copy`,
      );
      const problem = written === 1 ? /the length of entry 3/ : found;
      await expect(open(cut)).rejects.toEqual(refusal("corrupt", problem));
      cut.names.get("journal")!.data = grown.slice(0, whole.length);
      expect(texts(await open(cut))).toEqual(expected(3));
    }
  });

  it("of zeros with anything after them is damage like any other", async () => {
    const files = await filled(3);
    const whole = files.read("journal")!;
    const grown = new Uint8Array(whole.length + 4_096);
    grown.set(whole);
    grown[grown.length - 1] = 1;
    files.names.get("journal")!.data = grown;
    await expect(open(files)).rejects.toEqual(
      refusal("corrupt", /entry 3 \(at byte \d+\) is damaged; mend it from a copy/),
    );
  });

  it("is refused, not cut, where the head covers that record", async () => {
    const files = await filled(3, 3);
    const journal = files.names.get("journal")!;
    journal.data = journal.data.slice(0, -1);
    const before = journal.data;
    await expect(open(files)).rejects.toThrow(
      refusal(
        "head-mismatch",
        /over 3 entries, of which 2 are here, where the journal ends; mend it from a copy of this log, or restore this log from the federation's copy/,
      ),
    );
    expect(journal.data).toBe(before);
  });
});

describe("a crash", { timeout: 120_000 }, () => {
  const BATCHES = [3, 100, 152, 1, 1, 255, 260, 30];

  /** Appends everything, a head and a receipt after each; returns what was acknowledged when it stopped. */
  async function work(
    files: MemoryFiles,
  ): Promise<{ size: number; head: number; receipt: string }> {
    const done = { size: 0, head: 0, receipt: "0" };
    try {
      const log = await open(files);
      for (const count of BATCHES) {
        await log.append(entriesFrom(done.size, count));
        done.size += count;
        await log.writeHead(noteOf(done.size, log.root()));
        done.head = done.size;
        await log.writeDocument("receipt", String(done.size));
        done.receipt = String(done.size);
      }
      await log.close();
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof Crash)) throw error;
    }
    return done;
  }
  let steps = 0;
  beforeAll(async () => {
    const files = new MemoryFiles();
    await work(files);
    steps = files.steps;
  });

  async function check(files: MemoryFiles, done: Awaited<ReturnType<typeof work>>) {
    const log = await open(files);
    const size = log.durableSize;
    expect(size).toBeGreaterThanOrEqual(done.size);
    expect(log.head?.checkpoint.size ?? 0).toBeGreaterThanOrEqual(done.head);
    expect(Number(log.readDocument("receipt") ?? 0)).toBeGreaterThanOrEqual(Number(done.receipt));
    await log.append(entriesFrom(size, 850 - size));
    await log.close();
    const view = await readOnly(files);
    expect(texts(view)).toEqual(expected(850));
    expect(files.list("tmp")).toEqual([]);
  }

  it.each<CrashKind>(["kill", "power", "torn"])(
    "at any step (%s) loses and doubles nothing acknowledged",
    async (kind) => {
      expect(steps).toBeGreaterThan(80);
      let state = 1;
      const coin = () => {
        state = (state * 48271) % 0x7fffffff;
        return state % 2 === 0;
      };
      for (let at = 1; at <= steps; at += 1) {
        const files = new MemoryFiles();
        files.failAt = at;
        const done = await work(files);
        await check(files.after(kind, coin), done);
      }
    },
  );

  it("that killed the process leaves nothing that a power cut after the next opening takes away", async () => {
    for (let at = 1; at <= steps; at += 1) {
      const files = new MemoryFiles();
      files.failAt = at;
      await work(files);
      const killed = files.after("kill");
      const found = (await open(killed)).durableSize;
      const log = await open(killed.after("power"));
      expect(log.durableSize).toBe(found);
    }
  });

  it("in the middle of recovering from a crash loses nothing either", async () => {
    for (let at = 1; at <= steps; at += 11) {
      for (let again = 1; again <= 12; again += 1) {
        const files = new MemoryFiles();
        files.failAt = at;
        const done = await work(files);
        const second = files.after("power");
        second.failAt = again;
        await open(second).catch(() => {});
        await check(second.after("power"), done);
      }
    }
  });
});

describe("a full storage", { timeout: 120_000 }, () => {
  const full = () => Object.assign(new Error("no space"), { code: "ENOSPC" });

  it("at any step stops accepting, says so, keeps serving, and goes on after the next opening", async () => {
    const probe = new MemoryFiles();
    await (await open(probe)).close();
    for (let at = probe.steps + 1; at < probe.steps + 30; at += 1) {
      const files = new MemoryFiles();
      const log = await open(files);
      files.failAt = at;
      files.error = full;
      let acknowledged = 0;
      let refused: unknown;
      while (refused === undefined) {
        try {
          await log.append(entriesFrom(acknowledged, 200));
          acknowledged += 200;
        } catch (error) {
          refused = error;
        }
      }
      expect(refused).toEqual(refusal("full", /no space left.*no entry is accepted until/));
      await expect(log.append([entryAt(0)])).rejects.toThrow(refusal("full"));
      expect(log.failure).toEqual(refusal("full"));
      expect(texts(log).slice(0, acknowledged)).toEqual(expected(acknowledged));
      expect(log.size).toBe(log.durableSize);
      if (acknowledged > 0) expect(log.inclusionProof(0)).not.toEqual([]);
      files.failAt = Number.POSITIVE_INFINITY;
      await log.close();
      const again = await open(files);
      const size = again.durableSize;
      expect(size).toBeGreaterThanOrEqual(acknowledged);
      await again.append(entriesFrom(size, 3000 - size));
      expect(texts(again)).toEqual(expected(3000));
    }
  });

  it("rejects everything that waits, in one go", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    files.failAt = files.steps + 1;
    files.error = () => Object.assign(new Error("bad sector"), { code: "EIO" });
    const results = await Promise.allSettled([log.append([entryAt(0)]), log.append([entryAt(1)])]);
    expect(results.map((r) => r.status === "rejected" && r.reason)).toEqual([
      refusal("io", /bad sector/),
      refusal("io"),
    ]);
    expect(log.size).toBe(0);
  });
});

describe("a flipped bit", () => {
  const SIZE = 259;
  const flipped = (good: MemoryFiles, path: string, bit: number) => {
    const files = good.after("kill");
    files.names.get(path)!.data[bit >> 3]! ^= 1 << (bit & 7);
    return files;
  };
  const head = noteOf(SIZE, rootOfFirst(SIZE));
  const verifyHead = (note: string) => {
    if (note !== head) throw new Error("the signature is wrong");
  };
  async function expectRefused(good: MemoryFiles, path: string, step: number) {
    const named = new RegExp(
      `${path}.*; mend it from a copy of this log, or restore this log from the federation's copy$`,
      "s",
    );
    const either = expect.stringMatching(/^(corrupt|head-mismatch)$/);
    const bits = good.names.get(path)!.data.length * 8;
    for (let bit = 0; bit < bits; bit += step) {
      const outcome = await open(flipped(good, path, bit), { verifyHead }).catch((e: unknown) => e);
      expect(outcome, `${path}, bit ${bit}`).toMatchObject({
        name: "TlogError",
        code: either,
        message: expect.stringMatching(named),
      });
    }
  }

  it("in journal or checkpoint is refused, whichever it is, and named", {
    timeout: 120_000,
  }, async () => {
    const good = await filled(SIZE, SIZE);
    await expectRefused(good, "journal", 1);
    await expectRefused(good, "checkpoint", 1);
  });

  it("in a bundle or a tile is refused, and named", { timeout: 120_000 }, async () => {
    const good = await filled(SIZE, SIZE);
    await expectRefused(good, "tile/entries/000", 7); // 7 and 61 are prime to 8: every bit position is met
    await expectRefused(good, "tile/0/000", 61);
  });

  it("names entry and byte", async () => {
    const good = await filled(SIZE, SIZE);
    await expect(open(flipped(good, "tile/0/000", (5 * 32 + 1) * 8))).rejects.toThrow(
      refusal("corrupt", /entry 5 does not match hash 5 of tile\/0\/000 \(at byte 160\)/),
    );
    await expect(open(flipped(good, "journal", (24 + 8) * 8))).rejects.toThrow(
      refusal("corrupt", /journal: entry 256 \(at byte 24\) is damaged/),
    );
    await expect(open(flipped(good, "journal", 24 * 8))).rejects.toThrow(
      refusal("corrupt", /length of entry 256 \(at byte 24\)/),
    );
    await expect(open(flipped(good, "tile/entries/000", 8))).rejects.toThrow(
      refusal("corrupt", /tile\/entries\/000: .*at byte/),
    );
  });

  it("after opening is caught when it is read", async () => {
    const files = await filled(1100);
    const entry = await readOnly(files);
    files.names.get("tile/entries/001")!.data[5]! ^= 1;
    expect(() => texts(entry)).toThrow(refusal("corrupt", /tile\/entries\/001: entry 256/));
    const proof = await readOnly(await filled(1100));
    expect(proof.inclusionProof(300)).toHaveLength(11);
    const tile = await filled(1100);
    const proved = await readOnly(tile);
    tile.names.get("tile/0/001")!.data[0]! ^= 1;
    expect(() => proved.inclusionProof(300)).toThrow(refusal("corrupt", /tile\/0\/001/));
  });

  it("is not the only damage: missing, exchanged, stray and shortened files are named too", async () => {
    const damage: [(files: MemoryFiles) => unknown, RegExp][] = [
      [(f) => f.names.delete("journal"), /journal: is missing/],
      [
        (f) => f.names.delete("tile/entries/001"),
        /tile\/entries\/001: is missing \(entries from 256\)/,
      ],
      [(f) => f.names.delete("tile/0/000"), /tile\/0\/000: is missing/],
      [
        (f) => f.names.set("tile/entries/000", f.names.get("tile/entries/001")!),
        /tile\/entries\/000: entry 0/,
      ],
      [
        (f) => f.names.set("tile/entries/002", f.names.get("tile/entries/001")!),
        /tile\/entries\/002: lies beyond the journal/,
      ],
      [
        (f) => {
          f.names.get("tile/0/001")!.data = new Uint8Array(8191);
        },
        /tile\/0\/001: has 8191 bytes/,
      ],
      [
        (f) => {
          f.names.get("journal")!.data = new Uint8Array(5);
        },
        /journal: its header is cut short/,
      ],
    ];
    for (const [spoil, message] of damage) {
      const files = await filled(520);
      spoil(files);
      await expect(open(files)).rejects.toThrow(refusal("corrupt", message));
    }
  });

  it("in what a broken-off sealing left is refused against the journal", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    files.onStep = (what) => {
      if (what === "rename journal") files.failAt = files.steps + 1;
    };
    await log.append(entriesFrom(0, 256));
    await log.append([entryAt(256)]).catch(() => {});
    await log.close();
    const left = files.after("kill");
    expect((await readOnly(left)).durableSize).toBeGreaterThanOrEqual(256);
    left.names.get("tile/entries/000")!.data[9]! ^= 1;
    await expect(open(left)).rejects.toThrow(
      refusal("corrupt", /tile\/entries\/000: does not match the journal/),
    );
  });
});
