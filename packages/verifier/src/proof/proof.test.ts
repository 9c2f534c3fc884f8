import { DecodeError, encodeCbor, sha256 } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { parseNote, unverifiedCheckpoint } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VerifierError } from "../errors.js";
import { secretKey, TRUST, writtenPack } from "../pack.fixture.js";
import type { Trust } from "../trust/trust.js";
import { collectProof } from "./collect.js";
import {
  decodeProofFile,
  encodeProofFile,
  type FurtherHead,
  type ProofFile,
  type ProvenEpoch,
} from "./file.js";
import { notesOver } from "./notes.js";
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
        witnesses: [{ witness: "federation.example", time: 1_760_000_100, size: pack.size }],
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
    const witnesses = [{ name: "federation.example", publicKeys: [key] }];
    expect(() => verifyProofFile(bytes, { ...TRUST, witnesses })).toThrow(/no accepted witness/);
  });

  it("has one form, and refuses what is not of it", () => {
    expect(encodeProofFile(decodeProofFile(bytes))).toEqual(bytes);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        expect(() => decodeProofFile(junk)).toThrow(DecodeError);
      }),
    );
    const content = encodeCbor(["wattseal-proof-3", 1, "", [], 1]);
    expect(() => decodeProofFile(encodeCbor([content, sha256(content)]))).toThrow(/format/);
    const without = encodeCbor(["wattseal-proof-2", 1, "", [], 1, []]);
    expect(() => decodeProofFile(encodeCbor([without, sha256(without)]))).toThrow(DecodeError);
  });

  it("is not made for an entry that the note does not cover", () => {
    expect(() => collectProof(pack, pack.size, receipt)).toThrow(/not among/);
    expect(() => collectProof(pack, -1, receipt)).toThrow(/not among/);
  });
});

describe("a proof under a quorum", () => {
  const keys = ["a", "b", "c"].map((seed) => secretKey(seed));
  const [a, b, c] = keys as [Key, Key, Key];
  const names = ["a.example", "b.example", "c.example"];
  const trustIn = (quorum: number): Trust => ({
    ...TRUST,
    witnesses: keys.map(({ publicKey }, i) => ({ name: names[i]!, publicKeys: [publicKey] })),
    quorum,
  });
  /** Three witnesses, each at another size of a log in which another epoch began meanwhile. */
  const long = writtenPack();
  const byA = long.receipt(undefined, a, names[0]);
  long.minute(-100);
  const byB = long.receipt(undefined, b, names[1]);
  long.begin();
  long.minute(-100);
  const byC = long.receipt(undefined, c, names[2]);
  const [note = "", ...further] = notesOver([byC, byA, byB], INDEX);
  const quorumFile = collectProof(long, INDEX, note, further);
  const quorumBytes = encodeProofFile(quorumFile);
  const reasonOf = (changed: Uint8Array, quorum = 3) => {
    try {
      return verifyProofFile(changed, trustIn(quorum)).verdict;
    } catch (error) {
      if (error instanceof VerifierError || error instanceof DecodeError) return error.message;
      throw error;
    }
  };

  it("names every witness and the head that it saw, the entry in all of them", () => {
    expect([note, ...further]).toEqual([byA, byB, byC]);
    const report = verifyProofFile(quorumBytes, trustIn(3));
    if (report.verdict !== "verified") expect.fail(report.verdict);
    expect(report.witnesses.map(({ witness }) => witness)).toEqual(names);
    const sizes = [byA, byB, byC].map((text) => unverifiedCheckpoint(text).size);
    expect(report.witnesses.map(({ size }) => size)).toEqual(sizes);
    expect(report.size).toBe(sizes[0]);
    expect(verifyProofFile(quorumBytes).verdict).toBe("self-consistent only");
  });

  it("is refused where fewer cosigned than the quorum asks for, naming those who did", () => {
    const two = encodeProofFile(collectProof(long, INDEX, byA, [byB]));
    expect(reasonOf(two, 2)).toBe("verified");
    expect(reasonOf(two)).toMatch(/only a.example, b.example .*quorum is 3/);
    const twice = long.receipt(long.receipt(byA, a, names[0]), b, names[0]);
    expect(reasonOf(encodeProofFile(collectProof(long, INDEX, twice)), 2)).toMatch(
      /only a.example/,
    );
  });

  it("is refused for any single bit flipped, cosignatures of later heads included", () => {
    const start = Buffer.from(quorumBytes).indexOf(further[0]!.slice(0, 60), 0, "utf8");
    expect(start).toBeGreaterThan(0);
    for (let bit = 8 * start; bit < 8 * quorumBytes.length; bit += 13) {
      const flipped = quorumBytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyProofFile(flipped, trustIn(3)), `bit ${bit}`).toThrow();
      expect(() => verifyProofFile(flipped), `bit ${bit}`).toThrow();
    }
  }, 60_000);

  it("takes no head of another log, out of order, or that does not continue the note's", () => {
    const [second, third] = quorumFile.heads as [FurtherHead, FurtherHead];
    const other = writtenPack();
    for (let i = 0; i < 3; i += 1) other.minute(33);
    const fork = { note: other.receipt(undefined, b, names[1]), consistency: second.consistency };
    const elsewhere = long.receipt(signedFor("wattseal/other", second.note), b, names[1]);
    const wrong: readonly [RegExp, readonly FurtherHead[]][] = [
      [/^head 1.*not above/, [{ note: byA, consistency: [] }]],
      [/^head 2.*not above/, [third, second]],
      [/^head 2.*not above/, [second, second]],
      [/^head 1/, [{ ...second, consistency: second.consistency.slice(1) }, third]],
      [/^head 2/, [second, { ...third, consistency: second.consistency }]],
      [/^head 1/, [fork, third]],
      [/^head 1.*of the log wattseal\/other/, [{ ...second, note: elsewhere }, third]],
    ];
    for (const [reason, heads] of wrong) {
      expect(reasonOf(encodeProofFile({ ...quorumFile, heads }))).toMatch(reason);
    }
  });

  it("has one form each: the first without further heads, the second with 1 to 15", () => {
    expect(encodeProofFile(decodeProofFile(quorumBytes))).toEqual(quorumBytes);
    const textOf = (proof: Uint8Array) => Buffer.from(proof).toString("latin1");
    expect(textOf(bytes)).toContain("wattseal-proof-1");
    expect(textOf(quorumBytes)).toContain("wattseal-proof-2");
    const many = Array<FurtherHead>(16).fill(quorumFile.heads[0]!);
    const tooMany = encodeProofFile({ ...quorumFile, heads: many });
    expect(() => decodeProofFile(tooMany)).toThrow(/heads/);
  });

  it("stands on one note where all cosigned one head, and on each key's largest", () => {
    const all = keys.map((key, i) => long.receipt(undefined, key, names[i]));
    const notes = notesOver([...all, byA, byB], INDEX);
    expect(notes).toHaveLength(1);
    expect(parseNote(notes[0]!).signatures).toHaveLength(4);
    const proof = encodeProofFile(collectProof(long, INDEX, notes[0]!));
    expect(reasonOf(proof)).toBe("verified");
    const early = unverifiedCheckpoint(byA).size;
    expect(notesOver([byA, byB, byC], early)).toEqual([byB, byC]);
    expect(notesOver([byA, long.checkpoint(), "no note", ""], INDEX)).toEqual([byA]);
    expect(notesOver([byA], early)).toEqual([]);
  });
});

type Key = ReturnType<typeof secretKey>;

/** The note's checkpoint as of another log: its signature is not looked at in a further head. */
function signedFor(origin: string, text: string): string {
  return text.replace(/^[^\n]+/, origin);
}
