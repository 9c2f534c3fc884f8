import { utf8 } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { leafHash, rootOf } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AUTHORITY, seededEntropy, TestPack } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";
import type { IngestChannel } from "./ports.js";

describe("what is refused", () => {
  it("any single flipped bit of a batch: nothing is stored, nothing cosigned, a reason is counted", async () => {
    const p = pack(12);
    const known = await bench();
    await known.give(p, "batch", p.batch(0, 10));
    const bytes = p.batch(10);
    let flips = 0;
    for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      known.deliver(p, "batch", flipped);
      flips += 1;
    }
    await known.clock.advance(5100); // a flipped prevSize makes a batch that waits
    const { refused, entries } = known.worker.stats;
    expect(entries).toBe(10);
    expect(known.receipts().map(({ size }) => size)).toEqual([10]);
    expect(known.settled).toHaveLength(1 + flips);
    const waited = known.requests().length > 0 ? 2 : 0;
    expect(Object.values(refused).reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(
      flips - waited,
    );
    expect(Object.keys(refused)).toEqual(
      expect.arrayContaining(["malformed", "root", "signature"]),
    );
    await known.give(p, "batch", bytes);
    expect(known.receipts().at(-1)?.size).toBe(12);
  });

  it("arbitrary bytes on every channel: never an error, always acknowledged", async () => {
    const { clock, deliver, settled, worker } = await bench();
    const p = pack(2);
    let given = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<IngestChannel>("batch", "response", "head", "epoch", "state", "alarm"),
        fc.uint8Array({ maxLength: 300 }),
        async (channel, bytes) => {
          given += 1;
          deliver(p, channel, bytes);
          await clock.advance(20);
          expect(settled).toHaveLength(given);
        },
      ),
      { numRuns: 200 },
    );
    expect(worker.stats.entries).toBe(0);
  });

  it.each([
    [
      "another pack's leaves under this pack's topic",
      "origin",
      () => {
        const other = pack(5, "other");
        return other.batch(0);
      },
    ],
    [
      "another pack's leaves under this pack's name",
      "untrusted",
      (p: TestPack) => {
        const other = pack(5, "other");
        const { leaves } = other;
        const root = other.root();
        return p.batch(0, 5, { leaves, checkpoint: p.note(5, root) });
      },
    ],
    [
      "a log that does not begin with a document",
      "untrusted",
      (p: TestPack) => {
        const leaves = p.leaves.slice(1);
        return p.batch(0, 4, { leaves, checkpoint: p.note(4, rootOf(leaves.map(leafHash))) });
      },
    ],
    [
      "a checkpoint under another epoch's key",
      "signature",
      (p: TestPack) => {
        const clone = new TestPack("pack", AUTHORITY, "second");
        clone.work(3);
        return p.batch(0, 5, { checkpoint: clone.note(5, p.root(5)) });
      },
    ],
    [
      "a checkpoint of another size",
      "size",
      (p: TestPack) => p.batch(0, 5, { checkpoint: p.note(4) }),
    ],
    [
      "a checkpoint with another root",
      "root",
      (p: TestPack) => p.batch(0, 5, { checkpoint: p.note(5, new Uint8Array(32)) }),
    ],
    ["more than a message may hold", "malformed", () => new Uint8Array(262_145)],
  ])("%s: %s", async (_what, reason, make) => {
    const { give, worker, settled, sent } = await bench();
    const p = pack(5);
    await give(p, "batch", make(p));
    expect(worker.stats.refused).toEqual({ [reason]: 1 });
    expect(worker.stats.entries).toBe(0);
    expect(settled).toEqual(["1"]);
    expect(sent).toEqual([]);
    await give(p, "batch", p.batch(0));
    expect(worker.stats.entries).toBe(5);
  });

  it("a log whose document no accepted authority signed", async () => {
    const { give, worker } = await bench();
    const stranger = Ed25519SecretKey.generate(seededEntropy("stranger"));
    const p = new TestPack("pack", stranger);
    await give(p, "batch", p.batch(0));
    expect(worker.stats).toMatchObject({ entries: 0, refused: { untrusted: 1 } });
  });

  it("an epoch whose counter does not grow", async () => {
    const { give, worker, receipts } = await bench();
    const p = pack(10);
    p.beginEpoch(7);
    p.work(2);
    await give(p, "batch", p.batch(0));
    p.beginEpoch(6);
    await give(p, "batch", p.batch(13));
    expect(worker.stats).toMatchObject({ entries: 13, refused: { epoch: 1 } });
    expect(receipts()).toHaveLength(1);
  });

  it("an epoch that continues another tree than the one it stands in", async () => {
    const { give, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const ahead = pack(11);
    ahead.beginEpoch();
    p.appendBytes(ahead.leaves[11]!);
    const note = ahead.note(12, p.root()).replace("\n12\n", "\n11\n");
    await give(p, "batch", p.batch(10, 11, { checkpoint: note }));
    expect(worker.stats).toMatchObject({ entries: 10, refused: { epoch: 1 } });
  });

  it("signed content that breaks the ledger's rules: parked once with its reason, alarmed, others go on", async () => {
    const { give, worker, store, errors, receipts } = await bench();
    const p = pack(10);
    const q = pack(4, "q");
    await give(p, "batch", p.batch(0, 8));
    p.append({ type: "epoch.end", timeMs: p.time, body: { epoch: 99, reason: "test" } });
    const poison = p.batch(8);
    await give(p, "batch", poison);
    await give(p, "batch", poison);
    await give(q, "batch", q.batch(0));
    expect(worker.stats.refused).toEqual({ entry: 2 });
    expect(await store.parked()).toMatchObject([
      { pack: p.name, reason: "entry", payload: poison },
    ]);
    expect(errors[0]).toMatchObject({ event: "federation.parked", fields: { pack: p.name } });
    expect(receipts().map(({ size }) => size)).toEqual([8, 4]);
    await give(p, "batch", p.batch(8, 10));
    expect(worker.stats.latest.get(p.name)?.size).toBe(10);
  });

  it("signed bytes that are no entry at all", async () => {
    const { give, store, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    p.appendBytes(utf8("no entry"));
    await give(p, "batch", p.batch(10));
    expect(worker.stats.refused).toEqual({ entry: 1 });
    expect((await store.parked())[0]?.message).toContain("leaf 10: entry:");
  });
});
