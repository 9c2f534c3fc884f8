import { encodeCbor, utf8 } from "@wattseal/base";
import { cosign, formatNote, formatVkey, type NoteSigner, parseNote } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auditReceiptLog, type ReceiptLogAuditOptions } from "./audit.js";
import {
  type Given,
  headOf,
  LOG,
  LOG_NEXT,
  logOf,
  NEXT,
  receiptOf,
  recordOf,
  STRANGER,
  TRUST,
  WITNESS,
} from "./log.fixture.js";
import { decodeReceiptRecord, encodeReceiptRecord, MAX_WRONG } from "./record.js";

const GIVEN: readonly Given[] = [
  { pack: "a", size: 5, first: 0 },
  { pack: "b", size: 300, first: 200 },
  { pack: "a", size: 9, first: 5, statements: { held: 3, unchecked: 1, wrong: 0, faults: [] } },
  { pack: "a", size: 10, first: 9 },
  { pack: "b", size: 310, first: 300 },
];
const RECORDS = GIVEN.map(recordOf);

function audit(
  records: readonly Uint8Array[],
  note: string | undefined = headOf(records),
  options: Partial<ReceiptLogAuditOptions> = {},
) {
  return auditReceiptLog({ note, records }, { log: logOf(LOG), trust: TRUST, ...options });
}

async function faultsOf(...of: Parameters<typeof audit>) {
  const { verdict, findings } = await audit(...of);
  expect(verdict).toBe(findings.length === 0 ? "verified" : "refused");
  return findings.map(({ fault, leaf }) => (leaf === undefined ? fault : `${fault} ${leaf}`));
}

/** The honest records with the one at `at` given otherwise. */
function otherwise(at: number, change: Partial<Given>): Uint8Array[] {
  return GIVEN.map((given, i) => recordOf(i === at ? { ...given, ...change } : given));
}

describe("a receipt log's audit", () => {
  it("verifies an honest log, and says what is in it", async () => {
    const report = await audit(RECORDS);
    expect(report).toEqual({
      verdict: "verified",
      findings: [],
      found: 0,
      leaves: 5,
      packs: 2,
      witnesses: [WITNESS.name],
      statements: { held: 3, unchecked: 1, wrong: 0 },
      extended: false,
      keys: [formatVkey({ ...LOG, type: "ed25519" })],
      note: headOf(RECORDS),
    });
  });

  it("does not look beyond the head: what is committed meanwhile is the next audit's", async () => {
    expect(await faultsOf([...RECORDS, utf8("later")], headOf(RECORDS))).toEqual([]);
  });

  it("finds a changed leaf, any bit of it", async () => {
    const at = fc.nat({ max: RECORDS.length - 1 });
    await fc.assert(
      fc.asyncProperty(at, fc.nat(), async (i, bit) => {
        const changed = RECORDS.map((record) => record.slice());
        const leaf = changed[i]!;
        leaf[(bit >> 3) % leaf.length]! ^= 1 << (bit & 7);
        const faults = await faultsOf(changed, headOf(RECORDS));
        expect(faults).toContain("root");
      }),
      { numRuns: 100 },
    );
  });

  it("finds a removed leaf, wherever it was, and one put in", async () => {
    for (let i = 0; i < RECORDS.length; i += 1) {
      expect(await faultsOf(RECORDS.toSpliced(i, 1), headOf(RECORDS))).toContain("leaf 4");
      const inserted = RECORDS.toSpliced(i, 0, recordOf({ pack: "c", size: 1, first: 0 }));
      expect(await faultsOf(inserted, headOf(RECORDS))).toEqual(["root"]);
    }
  });

  it("finds a removed receipt though the log was made anew without it", async () => {
    expect(await faultsOf(RECORDS.toSpliced(2, 1))).toEqual(["gap 2"]);
    expect(await faultsOf(RECORDS.toSpliced(1, 1))).toEqual([]);
    const held = [{ holder: "b", note: receiptOf(GIVEN[1]!) }];
    expect(await faultsOf(RECORDS.toSpliced(1, 1), undefined, { receipts: held })).toEqual([
      "unlogged",
    ]);
    expect(await faultsOf(RECORDS, undefined, { receipts: held })).toEqual([]);
  });

  it("finds a held receipt with the lines alone that the pack had a key for, and misses what no leaf has", async () => {
    const given = { ...GIVEN[1]!, also: NEXT };
    const records = otherwise(1, { also: NEXT });
    const unlogged = (...notes: readonly string[]) => {
      const receipts = notes.map((note, i) => ({ holder: `b${i}`, note }));
      return audit(records, undefined, { receipts }).then(({ findings }) =>
        findings.map(({ fault, reason }) => `${fault}: ${reason}`),
      );
    };
    const whole = receiptOf(given);
    const { text, signatures } = parseNote(whole);
    const [own, old, next] = signatures;
    const trimmed = [old, next].map((line) => formatNote({ text, signatures: [own!, line!] }));
    const reordered = formatNote({ text, signatures: signatures.toReversed() });
    expect(await unlogged(whole, ...trimmed, reordered)).toEqual([]);

    const missing = (i: number) => `unlogged: the receipt that b${i} holds is not in the log`;
    const secret = cosign(trimmed[0]!, { ...STRANGER, time: 1_760_000_000 });
    const later = cosign(trimmed[0]!, { ...WITNESS, time: 1_770_000_000 });
    const other = receiptOf({ ...given, mark: "other" });
    expect(await unlogged(whole, secret, trimmed[1]!, later)).toEqual([missing(1), missing(3)]);
    expect(await unlogged(other, "no note", whole)).toEqual([missing(0), missing(1)]);
  });

  it("finds a cosignature that is not the witness's, is wrong, or is not there", async () => {
    expect(await faultsOf(otherwise(1, { witness: STRANGER }))).toEqual(["cosignature 1"]);
    const pretender = { ...STRANGER, name: WITNESS.name };
    expect(await faultsOf(otherwise(1, { witness: pretender }))).toEqual(["cosignature 1"]);
    const forger = { ...STRANGER, name: WITNESS.name, publicKey: WITNESS.publicKey };
    expect(await faultsOf(otherwise(1, { witness: forger }))).toEqual(["cosignature 1"]);
  });

  it("finds two roots for one size of a pack", async () => {
    const twice = RECORDS.toSpliced(
      3,
      0,
      recordOf({ pack: "a", size: 9, first: 9, mark: "other" }),
    );
    expect(await faultsOf(twice)).toEqual(["fork 3"]);
  });

  it("finds a head that shrank", async () => {
    const shorter = RECORDS.toSpliced(3, 0, recordOf({ pack: "a", size: 7, first: 7 }));
    expect(await faultsOf(shorter)).toEqual(["shrank 3"]);
  });

  it("finds a log that does not extend the head seen earlier, by whatever it differs", async () => {
    const seen = headOf(RECORDS.slice(0, 3));
    expect((await audit(RECORDS, undefined, { seen })).extended).toBe(true);
    expect(await faultsOf(RECORDS, undefined, { seen: headOf(RECORDS) })).toEqual([]);
    expect(await faultsOf(RECORDS, undefined, { seen: headOf([]) })).toEqual([]);
    const other = otherwise(0, { size: 5, mark: "other" });
    expect(await faultsOf(other, undefined, { seen })).toEqual(["split"]);
    expect(await faultsOf(RECORDS.slice(0, 2), undefined, { seen })).toEqual(["split"]);
    expect(await faultsOf([], undefined, { seen })).toEqual(["split"]);
    expect(await faultsOf(RECORDS, undefined, { seen: headOf(RECORDS, STRANGER) })).toEqual([
      "split",
    ]);
  });

  it("finds a head that the log's key did not sign, of another log, or none", async () => {
    expect(await faultsOf(RECORDS, headOf(RECORDS, STRANGER))).toContain("head");
    expect(await faultsOf(RECORDS, headOf(RECORDS, { ...STRANGER, name: LOG.name }))).toContain(
      "head",
    );
    expect(
      (await auditReceiptLog({ note: undefined, records: [] }, { log: logOf(LOG), trust: TRUST }))
        .findings,
    ).toMatchObject([{ fault: "head" }]);
  });

  describe("while the log changes its key", () => {
    const [old, both, next] = [[LOG], [LOG, LOG_NEXT], [LOG_NEXT]] as const;
    const headBy = (count: number, keys: readonly [NoteSigner, ...NoteSigner[]]) =>
      headOf(RECORDS.slice(0, count), ...keys);
    const under = (pinned: readonly NoteSigner[], note: string, seen?: string) =>
      faultsOf(RECORDS, note, { log: logOf(...pinned), seen });

    it("holds for whoever accepts either key, or both", async () => {
      for (const pinned of [old, both, next]) {
        expect(await under(pinned, headBy(5, both), headBy(3, both))).toEqual([]);
        const { keys } = await audit(RECORDS, headBy(5, both), { log: logOf(...pinned) });
        expect(keys).toEqual(pinned.map((key) => formatVkey({ ...key, type: "ed25519" })));
      }
      expect(await under(next, headBy(5, old))).toEqual(["head"]);
      expect(await under(old, headBy(5, next))).toEqual(["head"]);
    });

    it("extends what was seen under the old key, for whoever accepts that still", async () => {
      expect(await under(both, headBy(5, next), headBy(3, old))).toEqual([]);
      expect(await under(next, headBy(5, next), headBy(3, both))).toEqual([]);
      expect(await under(next, headBy(5, next), headBy(3, old))).toEqual(["split"]);
      const report = await audit(RECORDS, headBy(5, next), { log: logOf(...both) });
      expect(report.keys).toEqual([formatVkey({ ...LOG_NEXT, type: "ed25519" })]);
    });

    it("does not hold where a line of either accepted key is wrong", async () => {
      const { text, signatures } = parseNote(headBy(5, both));
      for (const wrong of [0, 1]) {
        const altered = signatures.map(({ signature, ...line }, i) => ({
          ...line,
          signature: i === wrong ? signature.map((byte) => byte ^ 1) : signature,
        }));
        const note = formatNote({ text, signatures: altered });
        expect(await under(both, note)).toEqual(["head"]);
        expect(await under(wrong === 0 ? next : old, note)).toEqual([]);
      }
    });
  });

  it("finds leaves that are no records, and says which", async () => {
    const junk = [utf8("junk"), encodeCbor(["wattseal-receipt-1", "no note", 0, [0, 0, 0, []]])];
    expect(await faultsOf([...RECORDS, ...junk])).toEqual(["leaf 5", "leaf 6"]);
    expect(await faultsOf([recordOf({ pack: "a", size: 5, first: 6 })])).toEqual(["leaf 0"]);
  });

  it("is bounded, however much does not hold", async () => {
    const junk = Array.from({ length: 300 }, () => utf8("junk"));
    const report = await audit(junk);
    expect(report.findings).toHaveLength(100);
    expect(report.found).toBe(300);
  });
});

describe("a receipt record", () => {
  const faults = fc.array(
    fc.record({
      index: fc.nat(),
      fault: fc.constantFrom("forged" as const, "contradicted" as const),
    }),
    { maxLength: MAX_WRONG },
  );
  const records = fc.record({
    receipt: fc.string({ minLength: 1, unit: "grapheme" }),
    first: fc.nat(),
    statements: fc.record({ held: fc.nat(), unchecked: fc.nat(), faults }).map((it) => ({
      ...it,
      wrong: it.faults.length,
    })),
  });

  it("comes back as it went, and as no other bytes", () => {
    fc.assert(
      fc.property(records, (record) => {
        const bytes = encodeReceiptRecord(record);
        expect(decodeReceiptRecord(bytes)).toEqual(record);
        expect(encodeReceiptRecord(decodeReceiptRecord(bytes))).toEqual(bytes);
      }),
    );
  });

  it("has the bytes that the documentation says", () => {
    const statements = {
      held: 2,
      unchecked: 1,
      wrong: 1,
      faults: [{ index: 7, fault: "forged" as const }],
    };
    expect(encodeReceiptRecord({ receipt: "r", first: 5, statements })).toEqual(
      encodeCbor(["wattseal-receipt-1", "r", 5, [2, 1, 1, [[7, "forged"]]]]),
    );
  });

  it("lists no more wrong statements than its bound, and counts them all", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ index, fault: "forged" as const }));
    const statements = { held: 0, unchecked: 0, wrong: 100, faults: many };
    const read = decodeReceiptRecord(encodeReceiptRecord({ receipt: "r", first: 0, statements }));
    expect(read.statements).toEqual({ ...statements, faults: many.slice(0, MAX_WRONG) });
  });

  it("that is malformed meets one typed error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeReceiptRecord(bytes)).toThrow(
          expect.objectContaining({ name: "DecodeError" }),
        );
      }),
    );
    const wrong: readonly Parameters<typeof encodeCbor>[0][] = [
      ["wattseal-receipt-2", "r", 0, [0, 0, 0, []]],
      ["wattseal-receipt-1", "", 0, [0, 0, 0, []]],
      ["wattseal-receipt-1", "r", -1, [0, 0, 0, []]],
      ["wattseal-receipt-1", "r", 0, [0, 0, 0, [[1, "forged"]]]],
      ["wattseal-receipt-1", "r", 0, [0, 0, 1, [[1, "bad"]]]],
      ["wattseal-receipt-1", "r", 0, [0, 0, 0, []], 0],
    ];
    for (const value of wrong) {
      expect(() => decodeReceiptRecord(encodeCbor(value))).toThrow(
        expect.objectContaining({ name: "DecodeError" }),
      );
    }
  });
});
