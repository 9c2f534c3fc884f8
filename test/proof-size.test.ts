// What a proof of one entry weighs where a TPM speaks for each epoch: an entry of another log holds 15,000 bytes of it.
import { encodeCbor, sha256, toBase64, utf8 } from "@wattseal/base";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { consistencyProof, inclusionProof } from "@wattseal/tlog";
import { describe, expect, it } from "vitest";
import { fileOf } from "./support/forged-proofs.js";
import { documentOf, evidence } from "./support/keyed-log.js";
import { Random } from "./support/random.js";
import { approved, boundTo } from "./support/tpm.js";

const MOST = 15_000;
const NOW = 1_760_000_040_000;
const hash = sha256(utf8("any"));
const read = () => hash;

const bytes = documentOf("society", "the fleet's witness, depot 7", boundTo("tpm"));
const document = verifyLctDocument(bytes, "self-consistent");
const boot = approved(document, { version: 2 ** 31 - 1 });
const entry = (type: string, body: Parameters<typeof encodeCbor>[0]) =>
  encodeCbor([1, type, NOW, body]);

const energy = 2 ** 40;
const terms = [
  document.lct,
  9_999_999,
  document.lct,
  document.lct,
  energy,
  10_000,
  energy,
  NOW,
  NOW,
];
const decided = entry("society.decide", ["commit", terms]);

/** A head of so many entries with so many cosignatures. */
function note(size: number, witnesses: number): string {
  const line = (name: string, length: number) => `— ${name} ${toBase64(new Uint8Array(length))}\n`;
  const lines = Array.from({ length: witnesses }, (_, i) => line(`witness-${i}.example`, 76));
  const signature = line(document.origin, 68);
  return `${document.origin}\n${size}\n${toBase64(hash)}\n\n${signature}${lines.join("")}`;
}

/** Bytes of a proof out of a log of this size with so many epochs, wherever they and the entry lie. */
function weight(size: number, epochs: number, random: Random): number {
  const place = () => 2 + random.below(Math.min(size - 2, 2 ** 30));
  const leaf = (of: Uint8Array, index: number) => [of, index, inclusionProof(index, size, read)];
  const begun = Array.from({ length: epochs }, () => {
    const at = place();
    const body = [document.lct, 999_999, hash, "wattseal 10.10.10", at, hash, NOW, 1];
    const begin = entry("epoch.begin", [evidence(body, boot)]);
    return [leaf(begin, at), consistencyProof(at, size, read)];
  });
  return fileOf({
    leaf: leaf(decided, place()),
    note: note(size, 2),
    epochs: begun,
    genesis: leaf(entry("lct.document", [bytes]), 0),
  }).length;
}

/** The heaviest of many. */
function most(size: number, epochs: number): number {
  const random = new Random(size % 1_000_003);
  return Math.max(...Array.from({ length: 60 }, () => weight(size, epochs, random)));
}

describe("a proof for another society", () => {
  it.each([10 ** 4, 10 ** 7, 2 ** 30])("fits, out of a log of %i entries", (size) => {
    const [one, two, three] = [1, 2, 3].map((epochs) => most(size, epochs));
    expect(one).toBeLessThan(two!);
    expect(two).toBeLessThan(three!);
    expect(three).toBeLessThan(MOST);
  });
});
