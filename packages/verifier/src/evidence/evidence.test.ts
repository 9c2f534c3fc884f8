import { DecodeError, encodeCbor, sha256 } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VerifierError } from "../errors.js";
import { TRUST, writtenPack } from "../pack.fixture.js";
import { collectProof } from "../proof/collect.js";
import { encodeProofFile } from "../proof/file.js";
import { collectEvidence } from "./collect.js";
import {
  decodeEvidenceFile,
  type EvidenceFile,
  encodeEvidenceFile,
  isEvidenceFile,
} from "./file.js";
import { verifyEvidenceFile } from "./verify.js";

const pack = writtenPack();
const receipt = pack.receipt();
const INTERVALS = pack.entries.flatMap((bytes, index) =>
  decodeEntry(bytes).type === "energy.interval" ? [index] : [],
);
const evidenceOf = (place: number): EvidenceFile =>
  collectEvidence(pack, INTERVALS[place]!, receipt, pack.kept[place]!);
const PLACE = 2;
/** Bits; 1 tries them all. */
const FLIP_STEP = Number(process.env["WATTSEAL_FLIP_STEP"] ?? 45);
const file = evidenceOf(PLACE);
const bytes = encodeEvidenceFile(file);

/** What is wrong with it: the fields that differ, or why it is refused; undefined where it holds. */
function fault(changed: Uint8Array): string | undefined {
  try {
    const { derived, fields } = verifyEvidenceFile(changed, TRUST);
    const wrong = fields.filter(({ finding }) => finding !== "ok");
    return derived ? undefined : `fields ${wrong.map(({ field }) => field).join(" ")}`;
  } catch (error) {
    if (error instanceof VerifierError || error instanceof DecodeError) return error.message;
    throw error;
  }
}
const faultOf = (changed: Partial<EvidenceFile>) =>
  fault(encodeEvidenceFile({ ...file, ...changed }));

describe("an evidence file", () => {
  it("derives each interval of the log, under the proof of its entry", () => {
    expect(INTERVALS.length).toBe(pack.kept.length);
    for (const [place, index] of INTERVALS.entries()) {
      const report = verifyEvidenceFile(encodeEvidenceFile(evidenceOf(place)), TRUST);
      expect(report).toMatchObject({ derived: true, slot: 1 });
      expect(report.proof).toMatchObject({ verdict: "verified", index });
      expect(report.fields.map(({ finding }) => finding)).toEqual(report.fields.map(() => "ok"));
      expect(report.tickSpread).toBe(0);
      const [first] = report.fields.slice(-1);
      if (place === 0) expect(first?.reason).toMatch(/first record in this log/);
      else expect(first).toEqual({ field: "verdict", finding: "ok" });
    }
    expect(verifyEvidenceFile(bytes).proof.verdict).toBe("self-consistent only");
  });

  it("is refused for any bit flipped, or a field differs", { timeout: 120_000 }, () => {
    const reasons = new Set<string>();
    for (let bit = 0; bit < 8 * bytes.length; bit += FLIP_STEP) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const found = fault(flipped);
      if (found === undefined) expect.fail(`bit ${bit} of ${8 * bytes.length} went unnoticed`);
      reasons.add(found.replace(/[ (:,].*/s, ""));
    }
    for (const part of ["fields", "entry", "evidence", "link.paired", "readings"]) {
      expect([...reasons]).toContain(part);
    }
  });

  it("shows each byte of a reading that is another, checksum and all, and which fields do not follow", () => {
    const [reading] = file.readings.slice(30);
    const other = (changed: Partial<typeof reading>) =>
      faultOf({ readings: file.readings.with(30, { ...reading!, ...changed }) });
    for (let at = 0; at < reading!.body.length; at += 1) {
      const body = reading!.body.with(at, reading!.body[at]! ^ 0x80);
      expect(other({ body })).toMatch(/^fields.*digest|counters that go back/);
    }
    expect(other({ counter: reading!.counter + 1 })).toBe("fields digest");
    expect(faultOf({ readings: file.readings.toSpliced(30, 1) })).toBe("fields readings digest");
    expect(faultOf({ readings: file.readings.slice(0, -1) })).toMatch(/^fields.*t1.*digest/);
    expect(faultOf({ sessions: [{ handshakeHash: new Uint8Array(32), key: undefined }] })).toBe(
      "fields digest",
    );
    expect(faultOf({ from: undefined })).toMatch(/^fields t0/);
    expect(
      faultOf({ from: { ...file.from!, time: (file.from!.time - 8_000_000) as never } }),
    ).toMatch(/more than 5 s apart/);
  });

  it("says how far times are from the module's ticks: at constant power, all that can tell of them", () => {
    const shifted = file.readings.map((one, i) =>
      i % 2 === 0 ? one : { ...one, time: (one.time - 500_000) as never },
    );
    const report = verifyEvidenceFile(encodeEvidenceFile({ ...file, readings: shifted }));
    expect(report.tickSpread).toBe(500);
    const body = file.from!.body.with(37, file.from!.body[37]! ^ 0x80); // 2^15 ms
    const away = verifyEvidenceFile(encodeEvidenceFile({ ...file, from: { ...file.from!, body } }));
    expect(away).toMatchObject({ derived: false, tickSpread: 2 ** 15 });
    expect(away.fields.filter(({ finding }) => finding !== "ok")).toEqual([]);
  });

  it("is refused when put together from elsewhere", () => {
    const [before] = file.before;
    const proofOf = (index: number) => encodeProofFile(collectProof(pack, index, receipt));
    const window = INTERVALS[PLACE]! + 1;
    const wrong: readonly [RegExp, Partial<EvidenceFile>][] = [
      [/^fields.*digest/, { proof: evidenceOf(1).proof, before: evidenceOf(1).before }],
      [/what comes after it does not start at its end/, { proof: evidenceOf(4).proof }],
      [/entry \d+ is energy.window/, { proof: proofOf(window) }],
      [/^link.paired/, { paired: before! }],
      [/^link.paired/, { paired: { ...file.paired, inclusion: file.paired.inclusion.slice(1) } }],
      [/^entry before/, { before: [file.paired] }],
      [/^entry before/, { before: [{ ...before!, index: before!.index + 1 }] }],
      [/not of the module's record|does not start/, { before: [before!, before!] }],
      [/sessions/, { sessions: [] }],
      [/session/, { readings: file.readings.map((one) => ({ ...one, session: 1 })) }],
      [/carried/, { carried: { in: 24_000_000_000, out: 0 } }],
      [/readings/, { readings: [] }],
    ];
    for (const [reason, parts] of wrong) expect(faultOf(parts)).toMatch(reason);
  });

  it("takes what was carried over as told: an integral is off by 1 mWh at most", () => {
    const carried = { in: file.carried.in, out: 23_999_999_999 };
    expect([undefined, "fields integralOut"]).toContain(faultOf({ carried }));
  });

  it("has one form, and refuses what is not of it", () => {
    expect(decodeEvidenceFile(bytes)).toEqual(file);
    expect(encodeEvidenceFile(decodeEvidenceFile(bytes))).toEqual(bytes);
    expect(isEvidenceFile(bytes)).toBe(true);
    expect(isEvidenceFile(file.proof)).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        expect(() => decodeEvidenceFile(junk)).toThrow(DecodeError);
        isEvidenceFile(junk);
        const content = encodeCbor(["wattseal-evidence-1", junk, [], [], [], [], [], []]);
        const wrapped = encodeCbor([content, sha256(content)]);
        expect(() => decodeEvidenceFile(wrapped)).toThrow(DecodeError);
      }),
    );
    expect(() => decodeEvidenceFile(new Uint8Array(9 * 1_048_576))).toThrow(/longer than/);
    for (let cut = 0; cut < bytes.length; cut += 97) {
      expect(() => decodeEvidenceFile(bytes.subarray(0, cut))).toThrow(DecodeError);
    }
  });

  it("is made only of intervals with a digest", () => {
    const at = (index: number) => () => collectEvidence(pack, index, receipt, pack.kept[0]!);
    expect(at(0)).toThrow(/entry 0 is lct.document/);
    expect(at(pack.size)).toThrow(/not among/);
  });
});
