import { DecodeError, encodeCbor, sha256 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VerifierError } from "../errors.js";
import { TRUST, writtenPack } from "../pack.fixture.js";
import { collectProof } from "./collect.js";
import { decodeProofFile, encodeProofFile, type ProofFile } from "./file.js";
import { verifyProofFile } from "./verify.js";

const pack = writtenPack();
const receipt = pack.receipt();
const INDEX = 9;
const file = collectProof(pack, INDEX, receipt);
const bytes = encodeProofFile(file);

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
        epoch: 2,
        epochState: "software",
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
  });

  it("is refused for each bit flipped without trust too, cosignatures included", () => {
    const start = Buffer.from(bytes).indexOf("federation.example");
    for (let bit = 8 * start; bit < 8 * (start + 130); bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyProofFile(flipped)).toThrow();
    }
  });

  it("is refused when parts are put together from elsewhere, checksum and all", () => {
    const other = writtenPack();
    other.minute(9);
    const wrong: readonly [RegExp, Partial<ProofFile>][] = [
      [/^entry 9/, { entry: { ...file.entry, bytes: pack.entry(8) } }],
      [/^entry 8/, { entry: { ...file.entry, index: 8 } }],
      [/^entry 9/, { entry: { ...file.entry, inclusion: file.entry.inclusion.slice(1) } }],
      [/^lct.document.*entry 1/, { document: { ...file.document, index: 1 } }],
      [/^lct.document/, { document: { ...file.document, bytes: pack.entry(1) } }],
      [/^epoch.begin/, { epoch: { ...file.epoch, index: file.epoch.index + 1 } }],
      [/^epoch.begin/, { epoch: { ...file.epoch, bytes: pack.entry(3) } }],
      [/^note/, { epoch: { ...file.epoch, bytes: pack.entry(1), index: 1 } }],
      [/^epoch.begin/, { consistency: file.consistency.slice(1) }],
      [/^(entry|epoch.begin|lct.document)/, { note: other.receipt() }],
    ];
    for (const [reason, parts] of wrong) {
      expect(refused(encodeProofFile({ ...file, ...parts }))).toMatch(reason);
    }
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
    const content = encodeCbor(["wattseal-proof-2", 1, "", 1, [], 1]);
    expect(() => decodeProofFile(encodeCbor([content, sha256(content)]))).toThrow(/format/);
  });

  it("is not made for an entry that the note does not cover", () => {
    expect(() => collectProof(pack, pack.size, receipt)).toThrow(/not among/);
    expect(() => collectProof(pack, -1, receipt)).toThrow(/not among/);
  });
});
