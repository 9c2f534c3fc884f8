import { millis } from "@wattseal/base";
import { beforeEach, describe, expect, it } from "vitest";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import {
  codeOf,
  epochBody,
  evidenceOf,
  noteOf,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { EpochChain } from "./chain.js";
import { EPOCH_MAX_AGE_MS } from "./epoch.js";

const pack = testPack();
const log = tree("log", 12);
const keyA = Ed25519SecretKey.generate(seededEntropy("A"));
const keyB = Ed25519SecretKey.generate(seededEntropy("B"));

function epoch(counter: number, key: Ed25519SecretKey, treeSize: number, time = START) {
  const at = { treeSize, treeRoot: log.root(treeSize), time };
  const body = epochBody(pack, key, { epoch: counter, time, treeSize, treeRoot: at.treeRoot });
  return { evidence: evidenceOf(pack, body), body, at };
}

const first = epoch(1, keyA, 1);
const later = millis(START + 60_000);
const second = epoch(4, keyB, 6, later);
const headOf = (size: number) => ({ size, root: log.root(size) });

describe("epochs inside one log", () => {
  let chain: EpochChain;
  beforeEach(() => {
    chain = new EpochChain(pack.document);
  });

  it("knows no key before the first epoch", () => {
    expect(chain.current).toBeUndefined();
    expect(chain.lastCounter).toBe(0);
    expect(codeOf(() => chain.verifyCheckpoint(noteOf(pack, keyA, headOf(2))))).toBe(
      "epoch-missing",
    );
    expect(codeOf(() => chain.checkTime(START))).toBe("epoch-missing");
  });

  it("hands over from key to key at each epoch.begin; counters may skip", () => {
    chain.begin(first.evidence, first.at);
    expect(chain.verifyCheckpoint(noteOf(pack, keyA, headOf(5)))).toEqual({
      origin: pack.document.origin,
      ...headOf(5),
    });
    chain.begin(second.evidence, second.at);
    expect(chain.lastCounter).toBe(4);
    expect(chain.verifyCheckpoint(noteOf(pack, keyB, headOf(7))).size).toBe(7);
    expect(codeOf(() => chain.verifyCheckpoint(noteOf(pack, keyA, headOf(7))))).toBe(
      "checkpoint-signature",
    );
  });

  it("refuses a checkpoint that does not cover the epoch.begin", () => {
    chain.begin(second.evidence, second.at);
    expect(codeOf(() => chain.verifyCheckpoint(noteOf(pack, keyB, headOf(6))))).toBe(
      "checkpoint-size",
    );
    expect(chain.verifyCheckpoint(noteOf(pack, keyB, headOf(7))).size).toBe(7);
  });

  it("refuses another log's checkpoint under the same key", () => {
    chain.begin(first.evidence, first.at);
    const note = noteOf(testPack("other"), keyA, headOf(5));
    expect(codeOf(() => chain.verifyCheckpoint(note))).toBe("checkpoint-signature");
    expect(codeOf(() => chain.verifyCheckpoint("no note"))).toBe("checkpoint-signature");
  });

  it("refuses an epoch that has begun already, wherever it stands", () => {
    chain.begin(first.evidence, first.at);
    const resigned = evidenceOf(pack, first.body);
    expect(codeOf(() => chain.begin(first.evidence, first.at))).toBe("epoch-counter");
    expect(codeOf(() => chain.begin(resigned, second.at))).toBe("epoch-counter");
    chain.begin(second.evidence, second.at);
    expect(codeOf(() => chain.begin(resigned, second.at))).toBe("epoch-counter");
    expect(chain.epochs.map(({ epoch }) => epoch)).toEqual([1, 4]);
  });

  it("recognises a clone: another signed body for the current counter", () => {
    chain.begin(first.evidence, first.at);
    const clone = epoch(1, keyB, 1);
    expect(codeOf(() => chain.begin(clone.evidence, clone.at))).toBe("epoch-cloned");
    const forged = evidenceOf(testPack("stranger"), clone.body);
    expect(codeOf(() => chain.begin(forged, clone.at))).toBe("epoch-signature");
    expect(chain.current?.evidence).toEqual(first.evidence);
    chain.begin(second.evidence, second.at);
    expect(codeOf(() => chain.begin(clone.evidence, clone.at))).toBe("epoch-cloned");
  });

  it("refuses a counter below, another tree and a time after the entry's, and keeps its epoch", () => {
    chain.begin(second.evidence, second.at);
    const below = epoch(3, keyA, 8, later);
    expect(codeOf(() => chain.begin(below.evidence, below.at))).toBe("epoch-counter");
    const next = epoch(5, keyA, 8, later);
    const refused = { ...next.at, treeSize: 9, treeRoot: log.root(9) };
    expect(codeOf(() => chain.begin(next.evidence, refused))).toBe("epoch-tree");
    const early = { ...next.at, time: later - 1 };
    expect(codeOf(() => chain.begin(next.evidence, early))).toBe("epoch-time");
    expect(chain.current?.evidence).toEqual(second.evidence);
  });

  it("ends an epoch after 31 days", () => {
    chain.begin(first.evidence, first.at);
    expect(codeOf(() => chain.checkTime(START + EPOCH_MAX_AGE_MS))).toBe("nothing");
    expect(codeOf(() => chain.checkTime(START + EPOCH_MAX_AGE_MS + 1))).toBe("epoch-expired");
  });

  it("keeps every epoch, and says which one signs a tree of a size", () => {
    chain.begin(first.evidence, first.at);
    chain.begin(second.evidence, second.at);
    expect(chain.epochs.map(({ epoch, treeSize }) => [epoch, treeSize])).toEqual([
      [1, 1],
      [4, 6],
    ]);
    expect([1, 2, 6, 7, 99].map((size) => chain.at(size)?.epoch)).toEqual([undefined, 1, 1, 4, 4]);
  });

  it("is restored from its evidences, with every epoch's key; forged or out of order they are refused", () => {
    chain.begin(first.evidence, first.at);
    chain.begin(second.evidence, second.at);
    const restored = EpochChain.restore(pack.document, chain.save());
    expect(restored.epochs).toEqual(chain.epochs);
    expect(restored.save()).toEqual(chain.save());
    expect([1, 2, 6, 7].map((size) => restored.at(size)?.epoch)).toEqual([undefined, 1, 1, 4]);
    const [a, b] = chain.save();
    expect(codeOf(() => EpochChain.restore(pack.document, [b!, a!]))).toBe("epoch-tree");
    expect(codeOf(() => EpochChain.restore(pack.document, [a!, a!]))).toBe("epoch-tree");
    const forged = evidenceOf(testPack("stranger"), second.body);
    expect(codeOf(() => EpochChain.restore(pack.document, [a!, forged]))).toBe("epoch-signature");
  });

  it("goes on in a clone without changing", () => {
    chain.begin(first.evidence, first.at);
    const clone = chain.clone();
    clone.begin(second.evidence, second.at);
    expect(clone.epochs).toHaveLength(2);
    expect(chain.epochs).toHaveLength(1);
    expect(chain.verifyCheckpoint(noteOf(pack, keyA, headOf(7))).size).toBe(7);
  });
});
