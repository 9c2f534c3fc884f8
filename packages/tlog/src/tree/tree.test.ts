import { existsSync, readFileSync } from "node:fs";
import { fromBase64, fromHex, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../errors.js";
import { Frontier, rootOf } from "./frontier.js";
import { EMPTY_ROOT, leafHash } from "./hash.js";
import { consistencyProof, inclusionProof, rootAt } from "./proofs.js";
import {
  naiveLeaf,
  naivePath,
  naiveReader,
  naiveRoot,
  naiveSubproof,
  someLeaves,
} from "./tree.fixture.js";
import { verifyConsistency, verifyInclusion } from "./verify.js";

const refusal = (code: string) => expect.objectContaining({ name: "TlogError", code });
const LEAVES = someLeaves(70);
const ROOTS = Array.from({ length: LEAVES.length + 1 }, (_, n) => naiveRoot(LEAVES.slice(0, n)));
const sizes = fc.integer({ min: 1, max: LEAVES.length });

describe("RFC 6962 tree", () => {
  // Leaves and roots of the reference tree of certificate-transparency (merkle_tree_test), also in transparency-dev/merkle.
  const ENTRIES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ];
  const PUBLISHED = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];

  it("has the published root at every size", () => {
    const frontier = new Frontier();
    expect(
      PUBLISHED.map((_, size) => {
        if (size > 0) frontier.append(leafHash(fromHex(ENTRIES[size - 1]!)));
        return toHex(frontier.root());
      }),
    ).toEqual(PUBLISHED);
  });

  it("hashes entries of any length alike", () => {
    for (const length of [0, 1, 1023, 1024, 1025, 16384]) {
      const entry = new Uint8Array(length).fill(7);
      expect(toHex(leafHash(entry))).toBe(toHex(naiveLeaf(entry)));
    }
  });

  it("agrees with the definition at every size, also from a reader", () => {
    for (let n = 0; n <= LEAVES.length; n += 1) {
      expect(toHex(rootOf(LEAVES.slice(0, n)))).toBe(toHex(ROOTS[n]!));
      expect(toHex(rootAt(n, naiveReader(LEAVES)))).toBe(toHex(ROOTS[n]!));
    }
  });

  it("resumes a frontier from its nodes, and leaves the clone's origin alone", () => {
    for (let n = 0; n <= LEAVES.length; n += 1) {
      const first = new Frontier();
      for (const leaf of LEAVES.slice(0, n)) first.append(leaf);
      const second = Frontier.from(first.size, first.nodes()).clone();
      for (const leaf of LEAVES.slice(n)) second.append(leaf);
      expect(toHex(second.root())).toBe(toHex(ROOTS[LEAVES.length]!));
      expect(toHex(first.root())).toBe(toHex(ROOTS[n]!));
    }
  });

  it("appends whole subtrees, only where they fit", () => {
    const frontier = new Frontier();
    for (let i = 0; i < 64; i += 8) frontier.appendSubtree(3, naiveRoot(LEAVES.slice(i, i + 8)));
    for (const leaf of LEAVES.slice(64)) frontier.append(leaf);
    expect(toHex(frontier.root())).toBe(toHex(ROOTS[70]!));
    expect(() => frontier.appendSubtree(2, EMPTY_ROOT)).toThrow(refusal("range"));
  });

  it("refuses nodes that do not fit the size", () => {
    expect(() => Frontier.from(3, [EMPTY_ROOT])).toThrow(refusal("range"));
    expect(() => Frontier.from(1, [new Uint8Array(31)])).toThrow(refusal("range"));
    expect(() => Frontier.from(-1, [])).toThrow(refusal("range"));
    expect(() => Frontier.from(2 ** 53, [EMPTY_ROOT])).toThrow(refusal("range"));
  });
});

describe("proofs", () => {
  it("of inclusion are those of the definition, for every leaf of every size", () => {
    for (let size = 1; size <= 40; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, naiveReader(LEAVES));
        expect(proof).toEqual(naivePath(index, LEAVES.slice(0, size)));
        verifyInclusion({ index, size, leafHash: LEAVES[index]!, proof, root: ROOTS[size]! });
      }
    }
  });

  it("of consistency are those of the definition, for every pair of sizes", () => {
    for (let size2 = 1; size2 <= 40; size2 += 1) {
      for (let size1 = 1; size1 <= size2; size1 += 1) {
        const proof = consistencyProof(size1, size2, naiveReader(LEAVES));
        expect(proof).toEqual(naiveSubproof(size1, LEAVES.slice(0, size2)));
        verifyConsistency({ size1, size2, root1: ROOTS[size1]!, root2: ROOTS[size2]!, proof });
      }
    }
  });

  it("work beyond 32 bits of size", () => {
    // Every complete subtree of one leaf repeated is known by its level alone.
    const levels = [leafHash(Uint8Array.of(1))];
    for (let i = 0; i < 52; i += 1) levels.push(rootOf([levels[i]!, levels[i]!]));
    const read = (level: number) => levels[level]!;
    const size2 = 2 ** 52 + 2 ** 40 + 12345;
    const size1 = 2 ** 41 + 77;
    const root2 = rootAt(size2, read);
    for (const index of [0, 2 ** 33 + 1, size2 - 1]) {
      const proof = inclusionProof(index, size2, read);
      verifyInclusion({ index, size: size2, leafHash: levels[0]!, proof, root: root2 });
    }
    const proof = consistencyProof(size1, size2, read);
    verifyConsistency({ size1, size2, root1: rootAt(size1, read), root2, proof });
  });

  it("outside the tree are the caller's error", () => {
    const read = naiveReader(LEAVES);
    expect(() => inclusionProof(5, 5, read)).toThrow(refusal("range"));
    expect(() => inclusionProof(-1, 5, read)).toThrow(refusal("range"));
    expect(() => inclusionProof(0.5, 5, read)).toThrow(refusal("range"));
    expect(() => consistencyProof(6, 5, read)).toThrow(refusal("range"));
    expect(consistencyProof(0, 5, read)).toEqual([]);
  });
});

/** Every way to spoil a list of hashes a little. */
const spoiled = (proof: readonly Uint8Array[]) =>
  fc.oneof(
    fc.nat(proof.length).map((at) => proof.toSpliced(at, 0, EMPTY_ROOT)),
    ...(proof.length === 0
      ? []
      : [
          fc.nat(proof.length - 1).map((at) => proof.toSpliced(at, 1)),
          fc.tuple(fc.nat(proof.length - 1), fc.nat(255)).map(([at, bit]) => {
            const hash = proof[at]!.slice();
            hash[bit >> 3]! ^= 1 << (bit & 7);
            return proof.with(at, hash);
          }),
          fc.nat(proof.length - 1).map((at) => proof.with(at, proof[at]!.slice(0, 31))),
        ]),
  );

describe("verification refuses", () => {
  it("every spoiled inclusion proof, wrong index, size, leaf and root", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.gen(), (size, n, gen) => {
        const index = n % size;
        const proof = naivePath(index, LEAVES.slice(0, size));
        const good = { index, size, leafHash: LEAVES[index]!, proof, root: ROOTS[size]! };
        const bad = [
          { ...good, proof: gen(() => spoiled(proof)) },
          { ...good, index: (index + 1) % (size + 1) },
          { ...good, leafHash: LEAVES[(index + 1) % LEAVES.length]! },
          { ...good, leafHash: good.leafHash.slice(1) },
          { ...good, root: ROOTS[(size + 1) % ROOTS.length]! },
          { ...good, index: -1 },
          { ...good, size: 0 },
          { ...good, size: Number.NaN },
        ];
        verifyInclusion(good);
        for (const claim of bad) expect(() => verifyInclusion(claim)).toThrow(refusal("proof"));
      }),
    );
  });

  it("every spoiled consistency proof, wrong sizes and roots", () => {
    fc.assert(
      fc.property(sizes, sizes, fc.gen(), (a, b, gen) => {
        const [size1, size2] = a < b ? [a, b] : [b, a];
        const proof = naiveSubproof(size1, LEAVES.slice(0, size2));
        const good = { size1, size2, root1: ROOTS[size1]!, root2: ROOTS[size2]!, proof };
        const bad = [
          { ...good, proof: gen(() => spoiled(proof)) },
          { ...good, root1: ROOTS[size1 - 1]! },
          { ...good, root2: ROOTS[size2 - 1]! },
          { ...good, size1: size2 + 1 },
          { ...good, size1: 0 },
        ];
        verifyConsistency(good);
        for (const claim of bad) {
          expect(() => verifyConsistency(claim)).toThrow(refusal("proof"));
        }
      }),
    );
  });

  it("arbitrary claims with one typed error, never by accident", () => {
    const hash = fc.uint8Array({ minLength: 30, maxLength: 33 });
    const claim = fc.record({
      index: fc.maxSafeNat(),
      size: fc.maxSafeNat(),
      leafHash: hash,
      root: hash,
      proof: fc.array(hash, { maxLength: 60 }),
      size1: fc.maxSafeNat(),
      size2: fc.maxSafeNat(),
      root1: hash,
      root2: hash,
    });
    fc.assert(
      fc.property(claim, (c) => {
        expect(() => verifyInclusion(c)).toThrow(TlogError);
        if (c.size1 !== c.size2) expect(() => verifyConsistency(c)).toThrow(TlogError);
      }),
    );
  });
});

interface Vector {
  wantErr: boolean;
  proof: string[] | null;
  leafIdx: number;
  treeSize: number;
  leafHash: string;
  root: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
}
const vectorsUrl = new URL("../../../../../shared/vectors/merkle-proofs.json", import.meta.url);
const present = existsSync(vectorsUrl);
const cases: [string, Vector][] = present
  ? Object.entries(JSON.parse(readFileSync(vectorsUrl, "utf8")).cases)
  : [];

describe.skipIf(!present)(
  `transparency-dev/merkle vectors${present ? "" : " (skipped: ../shared/vectors is absent)"}`,
  () => {
    it.each(cases)("%s", (name, v) => {
      const proof = (v.proof ?? []).map((hash) => fromBase64(hash));
      const verify = name.startsWith("inclusion/")
        ? () =>
            verifyInclusion({
              index: v.leafIdx,
              size: v.treeSize,
              leafHash: fromBase64(v.leafHash),
              root: fromBase64(v.root),
              proof,
            })
        : () =>
            verifyConsistency({
              size1: v.size1,
              size2: v.size2,
              root1: fromBase64(v.root1),
              root2: fromBase64(v.root2),
              proof,
            });
      if (v.wantErr) expect(verify).toThrow(refusal("proof"));
      else expect(verify).not.toThrow();
    });
  },
);
