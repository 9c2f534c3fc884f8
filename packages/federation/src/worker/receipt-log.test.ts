import { fromUtf8, milliwattHours, moduleUid, slot } from "@wattseal/base";
import { DeviceHalf, writeCounterStatement } from "@wattseal/device-keys";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { cosign, type NoteSigner } from "@wattseal/tlog";
import { auditReceiptLog, decodeReceiptRecord, type ReceiptLogReport } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { RECEIPT_LOG, receiptLogOf, seededEntropy, TestClock, WITNESS } from "../fleet.fixture.js";
import { growthOf } from "../store/growth.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import type { FederationStore } from "../store/port.js";
import { bench, pack } from "./bench.fixture.js";

const TRUST = {
  authorities: [],
  witnesses: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
  quorum: 1,
};

async function auditOf(
  store: FederationStore,
  receipts: readonly string[],
  keys: readonly NoteSigner[] = [RECEIPT_LOG],
): Promise<ReceiptLogReport> {
  const { size, note } = await store.receiptLog();
  const records = await store.receiptRecords(0, size + 1);
  const held = receipts.map((text, i) => ({ holder: `pack ${i}`, note: text }));
  return auditReceiptLog(
    { note, records },
    { log: receiptLogOf(...keys), trust: TRUST, receipts: held },
  );
}

const otherKey = Ed25519SecretKey.generate(seededEntropy("another log key"));
const NEXT: NoteSigner = {
  name: RECEIPT_LOG.name,
  publicKey: otherKey.publicKey,
  sign: (bytes) => otherKey.sign(bytes),
};

describe("the receipt log of a worker", () => {
  it("has every receipt that it sent, each with the entries that were checked for it", async () => {
    const { give, store, sent } = await bench();
    const [a, b] = [pack(30, "a"), pack(8, "b")];
    await give(a, "batch", a.batch(0, 10));
    await give(b, "batch", b.batch(0));
    await give(a, "batch", a.batch(10, 25));
    await give(a, "batch", a.batch(10, 25)); // gets the stored one again
    await give(a, "batch", a.batch(25, 30));
    const receipts = sent.map(({ payload }) => fromUtf8(payload));
    expect(receipts).toHaveLength(5);
    const report = await auditOf(store, receipts);
    expect(report).toMatchObject({ verdict: "verified", findings: [], leaves: 4, packs: 2 });
    const records = (await store.receiptRecords(0, 9)).map(decodeReceiptRecord);
    expect(records.map(({ first }) => first)).toEqual([0, 0, 10, 25]);
    expect(records[2]?.receipt).toBe(receipts[2]);
  });

  it("counts what came without a receipt of its own to the next one's entries", async () => {
    const { give, store } = await bench();
    const p = pack(30);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "head", new TextEncoder().encode(p.note(30)));
    await give(p, "response", p.response(10));
    const records = (await store.receiptRecords(0, 9)).map(decodeReceiptRecord);
    expect(records.map(({ first }) => first)).toEqual([0, 10]);
  });

  it("has no record of what did not get a receipt", async () => {
    const { give, store, sent } = await bench();
    const p = pack(20);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "batch", p.batch(10, 20, { leaves: p.leaves.slice(9, 19) }));
    store.failure = { when: "before" };
    await give(p, "batch", p.batch(10, 20));
    expect(sent).toHaveLength(1);
    expect(await store.receiptLog()).toMatchObject({ size: 1 });
  });

  it("goes on where another worker's ended, and is one with it", async () => {
    const store = new MemoryStore();
    const clock = new TestClock();
    const [one, two] = [await bench(store, clock), await bench(store, clock)];
    const p = pack(30);
    await one.give(p, "batch", p.batch(0, 10));
    await two.give(p, "batch", p.batch(10, 20));
    await one.give(p, "batch", p.batch(20, 30));
    const receipts = [...one.sent, ...two.sent].map(({ payload }) => fromUtf8(payload));
    expect(await auditOf(store, receipts)).toMatchObject({ verdict: "verified", leaves: 3 });
  });

  it("is signed before the first receipt, and by one key alone", async () => {
    const { store } = await bench();
    expect(await auditOf(store, [])).toMatchObject({ verdict: "verified", leaves: 0 });
    const refused = expect(bench(store, new TestClock(), { receiptLog: NEXT })).rejects;
    await refused.toMatchObject({ code: "configuration" });
    await refused.toThrow("receipts.pem");
  });

  it("goes over to its next key: the old one, both, the next one, and never back", async () => {
    const store = new MemoryStore();
    const p = pack(40);
    const worker = (options: { receiptLog?: NoteSigner; nextReceiptLog?: NoteSigner }) =>
      bench(store, new TestClock(), options);
    const holdsFor = async (...keys: readonly NoteSigner[]) => {
      const verdicts = keys.map(async (key) => (await auditOf(store, [], [key])).verdict);
      expect(await Promise.all(verdicts)).toEqual(keys.map(() => "verified"));
    };
    const old = await worker({});
    await old.give(p, "batch", p.batch(0, 10));
    await expect(worker({ receiptLog: NEXT })).rejects.toMatchObject({ code: "configuration" });

    // from its start on, whether or not a receipt is given
    const both = await worker({ nextReceiptLog: NEXT });
    await holdsFor(RECEIPT_LOG, NEXT);
    expect((await store.receiptLog()).size).toBe(1);
    await both.give(p, "batch", p.batch(10, 20));
    await holdsFor(RECEIPT_LOG, NEXT);
    await worker({}); // a start without it takes no signature away
    await holdsFor(RECEIPT_LOG, NEXT);

    const next = await worker({ receiptLog: NEXT });
    await holdsFor(RECEIPT_LOG, NEXT);
    await next.give(p, "batch", p.batch(20, 30));
    await holdsFor(NEXT);
    expect((await auditOf(store, [], [RECEIPT_LOG])).findings).toMatchObject([{ fault: "head" }]);
    await expect(worker({})).rejects.toMatchObject({ code: "configuration" });
  });

  it("signs no other tree of its newest head's size again, and none that is smaller", async () => {
    const root = new Uint8Array(32).fill(7);
    for (const size of [0, 1]) {
      const { store, give } = await bench();
      const p = pack(10);
      await give(p, "batch", p.batch(0));
      const before = await store.receiptLog();
      const begin = store.beginReceiptLog.bind(store);
      store.beginReceiptLog = (records, sign, behind) =>
        begin(records, () => sign({ size, root }), behind);
      const started = bench(store, new TestClock(), { nextReceiptLog: NEXT });
      await expect(started).rejects.toMatchObject({ code: "store-corrupt" });
      expect(await store.receiptLog()).toEqual(before);
    }
  });

  it("begins with the receipts that an older program gave, and goes on from them", async () => {
    const store = new MemoryStore();
    const p = pack(20);
    const text = cosign(p.note(10), { ...WITNESS, time: 1_760_000_000 });
    await store.commit([
      {
        ...growthOf(p.name, [], p.leaves.slice(0, 10)),
        heads: [{ size: 10, root: p.root(10) }],
        receipt: { size: 10, text },
      },
    ]);
    const { give } = await bench(store);
    expect(await auditOf(store, [text])).toMatchObject({ verdict: "verified", leaves: 1 });
    await give(p, "batch", p.batch(10));
    expect(await auditOf(store, [text])).toMatchObject({ verdict: "verified", leaves: 2 });
  });

  it("says what became of the counter statements that a receipt covers, gives it all the same, and tells of wrong ones", async () => {
    const [federation, module, gateway] = ["federation", "module", "gateway"].map((name) =>
      DeviceHalf.generate(seededEntropy(name)),
    );
    if (federation === undefined || module === undefined || gateway === undefined)
      throw new Error();
    const uid = moduleUid("5701000000000001");
    const statements = { custody: federation, halves: new Map([[uid, module.publicKey]]) };
    const { give, store, errors, receipts } = await bench(undefined, undefined, { statements });
    const p = pack(10);
    const paired = { moduleKey: module.publicKey, packKey: gateway.publicKey };
    const place = { module: uid, slot: slot(1), bus: 0, capacity: milliwattHours(0) };
    p.append({ type: "link.paired", timeMs: p.time, body: { ...place, ...paired } });
    let tick = 0;
    const say = (by: DeviceHalf) => {
      const zero = milliwattHours(0);
      tick += 1;
      const reading = { uid, boot: 1, tick, inMwh: zero, outMwh: zero };
      const statement = writeCounterStatement(reading, by, federation.publicKey);
      p.append({ type: "energy.statement", timeMs: p.time, body: { module: uid, statement } });
    };
    say(module);
    await give(p, "batch", p.batch(0));
    say(gateway);
    say(module);
    await give(p, "batch", p.batch(12));
    const records = (await store.receiptRecords(0, 9)).map(decodeReceiptRecord);
    expect(records.map((record) => record.statements)).toEqual([
      { held: 1, unchecked: 0, wrong: 0, faults: [] },
      { held: 1, unchecked: 0, wrong: 1, faults: [{ index: 12, fault: "forged" }] },
    ]);
    expect(receipts()).toHaveLength(2);
    const entries = "12 forged";
    expect(errors).toEqual([
      { event: "federation.statement-wrong", fields: { pack: p.name, wrong: 1, entries } },
    ]);
  });

  it("shows a worker that gave a receipt past it", async () => {
    const { give, store, sent } = await bench();
    const p = pack(20);
    await give(p, "batch", p.batch(0, 10));
    const secret = cosign(p.note(20), { ...WITNESS, time: 1_760_000_000 });
    const report = await auditOf(store, [fromUtf8(sent[0]!.payload), secret]);
    expect(report.findings).toMatchObject([{ fault: "unlogged" }]);
  });
});
