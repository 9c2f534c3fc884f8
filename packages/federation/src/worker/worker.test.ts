import { fromUtf8, millis } from "@wattseal/base";
import { Ed25519SecretKey, issueLctDocument } from "@wattseal/lct-keys";
import { parseNote, witnessLines } from "@wattseal/tlog";
import { auditLog } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { AUTHORITY, START, seededEntropy, WITNESS } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";

describe("a batch", () => {
  it("is stored byte for byte, cosigned under the pack's own signature, then acknowledged", async () => {
    const { give, receipts, stored, settled, sent, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    expect(await stored(p)).toEqual(p.leaves);
    expect(receipts()).toEqual([{ origin: p.origin, size: 10, root: p.root() }]);
    expect(fromUtf8(sent[0]!.payload).startsWith(p.note())).toBe(true);
    expect(settled).toEqual(["1"]);
    expect(worker.stats).toMatchObject({ packs: 1, entries: 10, receipts: 1, refused: {} });
    expect(worker.stats.latest.get(p.name)).toEqual({ size: 10, witnessed: 10 });
  });

  it("is cosigned under both keys while the witness changes its own, dated by UTC", async () => {
    const key = Ed25519SecretKey.generate(seededEntropy("next witness"));
    const sign = (bytes: Uint8Array) => key.sign(bytes);
    const nextWitness = { name: WITNESS.name, publicKey: key.publicKey, sign };
    const { give, sent } = await bench(undefined, undefined, {
      nextWitness,
      utc: { now: () => millis(1_234_567_890) },
    });
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const note = fromUtf8(sent[0]!.payload);
    const publicKeys = [WITNESS.publicKey, key.publicKey];
    const lines = witnessLines(note, { name: WITNESS.name, publicKeys }, p.origin);
    expect(lines.map(({ publicKey, time }) => [publicKey, time])).toEqual(
      publicKeys.map((publicKey) => [publicKey, 1_234_567]),
    );
    expect(parseNote(note).signatures).toHaveLength(3);
  });

  it("is committed with its group in one transaction; one receipt answers a pack's share", async () => {
    const { store, clock, deliver, receipts, settled } = await bench();
    const a = pack(30, "a");
    const b = pack(8, "b");
    deliver(a, "batch", a.batch(0, 10));
    deliver(b, "batch", b.batch(0));
    deliver(a, "batch", a.batch(10, 20));
    deliver(a, "batch", a.batch(20, 30));
    await clock.advance(20);
    expect(store.commits).toBe(1);
    expect(
      receipts()
        .map(({ size }) => size)
        .sort(),
    ).toEqual([30, 8]);
    expect(settled).toHaveLength(4);
  });

  it("does not wait when a whole group is there", async () => {
    const { clock, deliver, receipts } = await bench();
    const p = pack(66);
    for (let i = 2; i <= 65; i += 1) deliver(p, "batch", p.batch(i === 2 ? 0 : i - 1, i));
    await clock.advance(0);
    expect(receipts().map(({ size }) => size)).toEqual([65]);
  });

  it("that repeats what is stored gets the stored receipt, again and again", async () => {
    const { give, sent, store, clock, settled } = await bench();
    const p = pack(20);
    await give(p, "batch", p.batch(0, 10));
    await clock.advance(60_000);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "batch", p.batch(4, 10));
    expect(sent.map(({ payload }) => fromUtf8(payload))).toEqual(
      Array(3).fill(fromUtf8(sent[0]!.payload)),
    );
    expect(store.commits).toBe(1);
    expect(settled).toEqual(["1", "2", "3"]);
  });

  it("that overlaps is taken from where the log ends", async () => {
    const { give, receipts, stored } = await bench();
    const p = pack(20);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "batch", p.batch(5, 20));
    expect(receipts().map(({ size }) => size)).toEqual([10, 20]);
    expect(await stored(p)).toEqual(p.leaves);
  });

  it("that overlaps with its own group is taken after that group's commit", async () => {
    const { clock, deliver, receipts, stored, settled } = await bench();
    const p = pack(20);
    deliver(p, "batch", p.batch(0, 10));
    deliver(p, "batch", p.batch(5, 20));
    deliver(p, "batch", p.batch(0, 10));
    await clock.advance(20);
    expect(receipts().at(-1)?.size).toBe(20);
    expect(await stored(p)).toEqual(p.leaves);
    expect(settled).toHaveLength(3);
  });

  it("may begin epochs: the key changes where the log says so", async () => {
    const { give, receipts, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    p.work(3);
    p.beginEpoch();
    p.work(2);
    await give(p, "batch", p.batch(10));
    p.work(5);
    await give(p, "batch", p.batch(16));
    expect(receipts().map(({ size }) => size)).toEqual([10, 16, 21]);
    expect(worker.stats.refused).toEqual({});
  });

  it("may bring documents of others: what an audit of the log accepts is witnessed", async () => {
    const { give, receipts, worker } = await bench();
    const p = pack(10);
    p.append({ type: "lct.document", timeMs: p.time, body: { sign1: moduleDocument(AUTHORITY) } });
    await give(p, "batch", p.batch(0));
    expect(receipts().map(({ size }) => size)).toEqual([11]);
    expect(worker.stats.refused).toEqual({});
    const authorities = [{ name: "fleet", publicKey: AUTHORITY.publicKey }];
    const source = { entries: p.leaves, checkpoint: p.note() };
    const report = await auditLog(source, { trust: { authorities, witnesses: [], quorum: 1 } });
    expect(report).toMatchObject({ entries: 11, difference: undefined });
  });

  it("with a document that an audit refuses is parked", async () => {
    const { give, receipts, worker, errors } = await bench();
    const p = pack(10);
    const stranger = Ed25519SecretKey.generate(seededEntropy("stranger"));
    p.append({ type: "lct.document", timeMs: p.time, body: { sign1: moduleDocument(stranger) } });
    await give(p, "batch", p.batch(0));
    expect(receipts()).toEqual([]);
    expect(worker.stats.refused).toEqual({ entry: 1 });
    expect(errors[0]?.fields?.["error"]).toContain("entry 10");
  });
});

function moduleDocument(issuer: Ed25519SecretKey): Uint8Array {
  return issueLctDocument(issuer, {
    kind: "module",
    class: "responsive",
    anchor: { type: "x25519", publicKey: new Uint8Array(32).fill(9) },
    binding: "mcu",
    strengthBps: 8_500,
    context: [],
    created: START,
    witnesses: [],
    mrh: [],
  });
}
