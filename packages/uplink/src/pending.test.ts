import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { ORIGIN, SignedLog } from "./log.fixture.js";
import { PendingCheckpoints } from "./pending.js";

const log = SignedLog.of(2000);

function load(stored?: string, witnessed = 0) {
  const disk: { text: string | undefined } = { text: stored };
  const save = async (text: string) => {
    disk.text = text;
  };
  const loaded = PendingCheckpoints.load({ origin: ORIGIN, stored, witnessed, log, save });
  return { ...loaded, disk };
}

async function filled(...sizes: number[]) {
  const made = load();
  let from = 0;
  for (const size of sizes) {
    await made.pending.add(log.pending(from, size));
    from = size;
  }
  return made;
}

describe("PendingCheckpoints", () => {
  it("survives a restart at every point: what add resolved for is there again", async () => {
    const { pending, disk } = load();
    let from = 0;
    for (const size of [200, 400, 700]) {
      await pending.add(log.pending(from, size));
      from = size;
      expect(load(disk.text).pending.list).toEqual(pending.list);
    }
    expect(pending.list.map((c) => c.size)).toEqual([200, 400, 700]);
  });

  it("merges neighbours that fit one batch, so that an outage costs a note per batch", async () => {
    const { pending } = await filled(...Array.from({ length: 200 }, (_, i) => 10 * (i + 1)));
    const sizes = pending.list.map((c) => c.size);
    expect(sizes.at(-1)).toBe(2000);
    expect(sizes.length).toBeLessThanOrEqual(9);
    sizes.reduce((a, b) => {
      expect(b - a).toBeLessThanOrEqual(256);
      return b;
    }, 0);
    const total = pending.list.reduce((sum, c) => sum + c.bytes, 0);
    expect(total).toBe(log.pending(0, 2000).bytes);
  });

  it("does not merge what one batch cannot carry in bytes", async () => {
    const big = new SignedLog(log.signer);
    big.append(...Array.from({ length: 6 }, () => new Uint8Array(16_000)));
    const { pending } = load();
    for (const size of [2, 4, 6]) await pending.add(big.pending(size - 2, size));
    expect(pending.list.map((c) => c.size)).toEqual([2, 4, 6]);
  });

  it("forgets what all have witnessed, but for the newest", async () => {
    const { pending, disk } = await filled(200, 400, 600);
    pending.prune(400);
    expect(pending.list.map((c) => c.size)).toEqual([600]);
    expect(pending.base).toBe(400);
    pending.prune(600);
    expect(pending.newest?.size).toBe(600);
    await pending.add(log.pending(600, 1000));
    expect(load(disk.text, 600).pending.list.map((c) => c.size)).toEqual([1000]);
  });

  it("refuses a checkpoint that does not follow, and one that cannot be saved leaves no trace", async () => {
    const { pending } = await filled(200);
    await expect(pending.add(log.pending(0, 200))).rejects.toMatchObject({ code: "pending-order" });
    const broken = PendingCheckpoints.load({
      origin: ORIGIN,
      stored: undefined,
      witnessed: 0,
      log,
      save: () => Promise.reject(new Error("disk full")),
    }).pending;
    await expect(broken.add(log.pending(0, 10))).rejects.toThrow("disk full");
    expect(broken.list).toEqual([]);
  });

  it("never throws for a damaged document, and keeps no note that does not hold", async () => {
    const { disk } = await filled(300, 600, 900);
    const bytes = utf8(disk.text!);
    for (let i = 0; i < bytes.length; i += 7) {
      const flipped = bytes.slice();
      flipped[i]! ^= 1 << (i % 8);
      const { pending } = load(Buffer.from(flipped).toString("latin1"));
      for (const c of pending.list) {
        expect(c.note).toBe(log.note(c.size));
      }
    }
    expect(load("garbage").dropped).toEqual(["document: has no header"]);
    expect(load(disk.text!.slice(0, -1)).dropped).toHaveLength(1);
  });

  it("drops notes of a tree that is not the log's", async () => {
    const other = new SignedLog(log.signer);
    other.append(...Array.from({ length: 50 }, (_, i) => utf8(`other ${i}`)));
    const { pending, disk } = load();
    await pending.add(other.pending(0, 50));
    const again = load(disk.text);
    expect(again.pending.list).toEqual([]);
    expect(again.dropped).toEqual(["checkpoint of size 50: its root is not the log's"]);
  });

  it("drops notes of sizes that a pruned log has no root for", async () => {
    const { disk } = await filled(300, 600, 900);
    const pruned = {
      size: log.size,
      keyAt: () => log.signer.publicKey,
      root: (size: number) => {
        if (size < 700) throw new Error("was pruned");
        return log.root(size);
      },
    };
    const { pending, dropped } = PendingCheckpoints.load({
      origin: log.signer.name,
      stored: disk.text,
      witnessed: 0,
      log: pruned,
      save: async () => {},
    });
    expect(pending.list.map(({ size }) => size)).toEqual([900]);
    expect(dropped).toEqual([
      "checkpoint of size 300: was pruned",
      "checkpoint of size 600: was pruned",
    ]);
  });
});
