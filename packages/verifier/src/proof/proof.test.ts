import { DecodeError, encodeCbor, sha256 } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VerifierError } from "../errors.js";
import { TRUST, writtenPack } from "../pack.fixture.js";
import { collectProof } from "./collect.js";
import { decodeProofFile, encodeProofFile, type ProofFile, type ProvenEpoch } from "./file.js";
import { verifyProofFile } from "./verify.js";

const pack = writtenPack();
const receipt = pack.receipt();
const INDEX = 9;
const file = collectProof(pack, INDEX, receipt);
const bytes = encodeProofFile(file);
const beginsOf = ({ entries }: { readonly entries: readonly Uint8Array[] }) =>
  entries.flatMap((entry, i) => (decodeEntry(entry).type === "epoch.begin" ? [i] : []));
const BEGINS = beginsOf(pack) as [number, number];

const refused = (changed: Uint8Array) => {
  try {
    verifyProofFile(changed, TRUST);
  } catch (error) {
    if (error instanceof VerifierError || error instanceof DecodeError) return error.message;
    throw error;
  }
  return undefined;
};

describe("a proof file", () => {
  it("proves each entry of the log, with authority and witness named", () => {
    for (let index = 0; index < pack.size; index += 1) {
      const report = verifyProofFile(encodeProofFile(collectProof(pack, index, receipt)), TRUST);
      expect(report).toMatchObject({
        verdict: "verified",
        index,
        authority: "Demo authority",
        witness: "federation.example",
        witnessedAt: 1_760_000_100,
        lct: pack.document.lct,
        epoch: index < BEGINS[1] ? 1 : 2,
        epochState: "software",
        nextEpoch: index < BEGINS[1] ? 2 : undefined,
        signedUnder: { epoch: 2, epochState: "software" },
        size: pack.size,
      });
    }
  });

  it("without trust is self-consistent only, also over a bare checkpoint", () => {
    expect(verifyProofFile(bytes).verdict).toBe("self-consistent only");
    const bare = encodeProofFile(collectProof(pack, INDEX, pack.checkpoint()));
    expect(verifyProofFile(bare).verdict).toBe("self-consistent only");
    expect(() => verifyProofFile(bare, TRUST)).toThrow(/no accepted witness/);
  });

  it("is refused for any single bit flipped, saying what does not hold", () => {
    const reasons = new Set<string>();
    for (let bit = 0; bit < 8 * bytes.length; bit += bit % 8 === 0 ? 3 : 5) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const reason = refused(flipped);
      if (reason === undefined) expect.fail(`bit ${bit} of ${8 * bytes.length} went unnoticed`);
      reasons.add(reason.replace(/[ (:].*/s, ""));
    }
    for (const part of ["entry", "note", "epoch.begin", "lct.document", "proof"]) {
      expect([...reasons]).toContain(part);
    }
  }, 30_000);

  it("is refused for each bit flipped without trust too, cosignatures included", () => {
    const start = Buffer.from(bytes).indexOf("federation.example");
    for (let bit = 8 * start; bit < 8 * (start + 130); bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyProofFile(flipped)).toThrow();
    }
  }, 30_000);

  it("is refused when parts are put together from elsewhere, checksum and all", () => {
    const other = writtenPack();
    other.minute(9);
    const [own, signing] = file.epochs as [ProvenEpoch, ProvenEpoch];
    const with2 = (changed: Partial<ProvenEpoch>) => ({
      epochs: [own, { ...signing, ...changed }],
    });
    const wrong: readonly [RegExp, Partial<ProofFile>][] = [
      [/^entry 9/, { entry: { ...file.entry, bytes: pack.entry(8) } }],
      [/^entry 8/, { entry: { ...file.entry, index: 8 } }],
      [/^entry 9/, { entry: { ...file.entry, inclusion: file.entry.inclusion.slice(1) } }],
      [/^lct.document.*entry 1/, { document: { ...file.document, index: 1 } }],
      [/^lct.document/, { document: { ...file.document, bytes: pack.entry(1) } }],
      [/^epoch.begin/, with2({ begin: { ...signing.begin, index: signing.begin.index + 1 } })],
      [/^epoch.begin/, with2({ begin: { ...signing.begin, bytes: pack.entry(3) } })],
      [/^epoch.begin/, with2({ begin: { ...signing.begin, inclusion: own.begin.inclusion } })],
      [/^epoch.begin/, with2({ consistency: signing.consistency.slice(1) })],
      [/^epoch.begin.*after entry 9/, { epochs: [signing] }],
      [/^note/, { epochs: [own] }],
      [/^epoch.begin.*no later than 9/, { epochs: [own, own] }],
      [/^epoch.begin/, { epochs: [signing, own] }],
      [/^(entry|epoch.begin|lct.document)/, { note: other.receipt() }],
    ];
    for (const [reason, parts] of wrong) {
      expect(refused(encodeProofFile({ ...file, ...parts }))).toMatch(reason);
    }
  });

  it("names the boot that wrote the entry, also where others began and ended after it", () => {
    const long = writtenPack();
    for (let i = 0; i < 3; i += 1) {
      long.minute(-100);
      long.begin();
    }
    const [first, , , , last] = beginsOf(long);
    const reportOf = (index: number) =>
      verifyProofFile(encodeProofFile(collectProof(long, index, long.checkpoint())));
    expect(reportOf(first! + 3)).toMatchObject({ epoch: 1, nextEpoch: 2 });
    expect(reportOf(last! - 1)).toMatchObject({ epoch: 4, nextEpoch: 5 });
    expect(reportOf(last!)).toMatchObject({ epoch: 5, nextEpoch: undefined });
    for (let index = 0; index < long.size; index += 1) {
      expect(reportOf(index).signedUnder).toEqual({ epoch: 5, epochState: "software" });
    }
  });

  it("cannot give an entry to an epoch that began later, nor to an earlier one without the gap showing", () => {
    const long = writtenPack();
    long.minute(-100);
    long.begin();
    const [first, second, third] = beginsOf(long) as [number, number, number];
    const index = third - 1;
    const note = long.checkpoint();
    const proof = collectProof(long, index, note);
    const [, head] = proof.epochs as [ProvenEpoch, ProvenEpoch];
    const [earlier] = collectProof(long, first, note).epochs as [ProvenEpoch];
    const [own] = collectProof(long, second, note).epochs as [ProvenEpoch];
    const report = (epochs: readonly ProvenEpoch[]) =>
      verifyProofFile(encodeProofFile({ ...proof, epochs }));
    expect(report([own, head])).toMatchObject({ epoch: 2, nextEpoch: 3 });
    expect(() => report([head])).toThrow(/comes after entry/);
    expect(() => report([earlier, own, head])).toThrow(/no later than/);
    expect(report([earlier, head])).toMatchObject({ epoch: 1, nextEpoch: 3 });
  });

  it("is refused from an authority or by a witness that is not accepted", () => {
    const key = new Uint8Array(32).fill(7);
    const authorities = [{ name: "Other", publicKey: key }];
    expect(() => verifyProofFile(bytes, { ...TRUST, authorities })).toThrow(
      /no accepted authority/,
    );
    const witnesses = [{ name: "federation.example", publicKey: key }];
    expect(() => verifyProofFile(bytes, { ...TRUST, witnesses })).toThrow(/no accepted witness/);
  });

  it("has one form, and refuses what is not of it", () => {
    expect(encodeProofFile(decodeProofFile(bytes))).toEqual(bytes);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        expect(() => decodeProofFile(junk)).toThrow(DecodeError);
      }),
    );
    const content = encodeCbor(["wattseal-proof-2", 1, "", [], 1]);
    expect(() => decodeProofFile(encodeCbor([content, sha256(content)]))).toThrow(/format/);
  });

  it("is not made for an entry that the note does not cover", () => {
    expect(() => collectProof(pack, pack.size, receipt)).toThrow(/not among/);
    expect(() => collectProof(pack, -1, receipt)).toThrow(/not among/);
  });
});
