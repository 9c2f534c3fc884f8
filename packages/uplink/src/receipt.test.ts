import { utf8, WattsealError } from "@wattseal/base";
import { cosign, parseNote } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UplinkCursors } from "./cursors.js";
import {
  DESTINATION,
  destinationOf,
  noteSigner,
  ORIGIN,
  SignedLog,
  WITNESS,
} from "./log.fixture.js";
import { verifyReceipt } from "./receipt.js";

const log = SignedLog.of(20);
const expectation = { origin: ORIGIN, witness: DESTINATION, log };

describe("receipt", () => {
  it("proves when the witness saw which root of this log", () => {
    const { checkpoint, time } = verifyReceipt(log.receipt(17, 1234), expectation);
    expect(checkpoint).toEqual(log.checkpoint(17));
    expect(time).toBe(1234);
  });

  it("is refused with any single bit flipped, and the refusal says what does not hold", () => {
    const bytes = utf8(log.receipt(17));
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      let thrown: unknown;
      try {
        verifyReceipt(Buffer.from(flipped).toString("utf8"), expectation);
      } catch (error) {
        thrown = error;
      }
      expect(thrown, `bit ${bit}`).toBeInstanceOf(WattsealError);
      expect(String(thrown)).toMatch(/^UplinkError: receipt: /);
    }
  });

  it.each([
    [
      "of another log",
      () => SignedLog.of(20, noteSigner("wattseal/other")).receipt(),
      "receipt-origin",
    ],
    ["for more than the log has", () => SignedLog.of(21, log.signer).receipt(), "receipt-size"],
    [
      "for a root the log never had",
      () => {
        const other = new SignedLog(log.signer);
        other.append(utf8("something else"));
        return other.receipt();
      },
      "receipt-root",
    ],
    ["under another key of the log's name", () => SignedLog.of(20).receipt(), "receipt-signature"],
    [
      "by another witness of the same name",
      () => cosign(log.note(), { ...noteSigner(WITNESS.name), time: 1 }),
      "receipt-witness",
    ],
    ["without cosignature", () => log.note(), "receipt-witness"],
    [
      "by another witness alone",
      () => cosign(log.note(), { ...noteSigner("someone"), time: 1 }),
      "receipt-witness",
    ],
    ["that is no note", () => "hello", "receipt-signature"],
  ])("is refused when it is one %s", (_what, make, code) => {
    expect(() => verifyReceipt(make(), expectation)).toThrow(expect.objectContaining({ code }));
  });

  it("is refused before the first epoch", () => {
    const young = {
      size: log.size,
      root: (size: number) => log.root(size),
      keyAt: () => undefined,
    };
    expect(() => verifyReceipt(log.receipt(), { ...expectation, log: young })).toThrow(
      "no epoch had begun",
    );
  });
});

describe("a receipt while the witness changes its key", () => {
  const next = noteSigner(WITNESS.name);
  const overlap = cosign(log.receipt(17, 1234), { ...next, time: 1234 });
  const under = (...keys: readonly Uint8Array[]) => ({
    ...expectation,
    witness: { name: WITNESS.name, publicKeys: keys },
  });

  it.each([
    ["the old key alone", [WITNESS.publicKey]],
    ["the new key alone", [next.publicKey]],
    ["both", [WITNESS.publicKey, next.publicKey]],
  ])("is accepted by a pack that pins %s, and gives the verified lines alone", (_, keys) => {
    const receipt = verifyReceipt(overlap, under(...keys));
    expect(receipt.publicKeys).toEqual(keys);
    const { signatures } = parseNote(receipt.text);
    expect(signatures.map(({ name }) => name)).toEqual([ORIGIN, ...keys.map(() => WITNESS.name)]);
    expect(verifyReceipt(receipt.text, under(...keys))).toEqual(receipt);
    expect(verifyReceipt(log.receipt(17), under(WITNESS.publicKey, ...keys)).time).toBeDefined();
  });

  it("lets no byte in that is of a key that is not pinned", () => {
    const others = Array.from({ length: 5 }, (_, i) => noteSigner(`other-${i}`));
    const noted = others.reduce((text, other) => cosign(text, { ...other, time: 9 }), overlap);
    expect(verifyReceipt(noted, expectation).text).toBe(log.receipt(17, 1234));
  });

  it("is refused where a pinned key's line does not hold, whatever the other says", () => {
    const forged = { ...noteSigner("x"), name: WITNESS.name, publicKey: next.publicKey };
    const text = cosign(log.receipt(17), { ...forged, time: 1 });
    const witness = under(WITNESS.publicKey, next.publicKey);
    expect(() => verifyReceipt(text, witness)).toThrow(
      expect.objectContaining({ code: "receipt-witness" }),
    );
    expect(verifyReceipt(text, expectation).checkpoint.size).toBe(17);
  });
});

describe("UplinkCursors", () => {
  const second = noteSigner("wattseal-federation/second");

  function load(stored = new Map<string, string>(), quorum = 2) {
    const cursors = UplinkCursors.load({
      origin: ORIGIN,
      log,
      destinations: [DESTINATION, destinationOf(second)],
      quorum,
      stored: ({ name }) => stored.get(name),
      save: async ({ name }, { text }) => void stored.set(name, text),
    });
    return { cursors, stored };
  }

  it("counts as witnessed what a quorum of the destinations has, whichever they are", async () => {
    const third = noteSigner("wattseal-federation/third");
    const signers = [WITNESS, second, third];
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 3 }), async (had, quorum) => {
        const cursors = UplinkCursors.load({
          origin: ORIGIN,
          log,
          destinations: signers.map(destinationOf),
          quorum,
          stored: () => undefined,
          save: async () => {},
        });
        for (const [i, signer] of signers.entries()) {
          expect(cursors.witnessedByQuorum).toBe(i < quorum ? 0 : least(had.slice(0, i), quorum));
          const note = cosign(log.note(had[i]), { ...signer, time: 1 });
          await cursors.accept(signer.name, utf8(note));
        }
        expect(cursors.witnessedByQuorum).toBe(least(had, quorum));
        expect(cursors.witnessedByAll).toBe(Math.min(...had));
      }),
      { numRuns: 30 },
    );
  });

  /** The largest size that `quorum` of them have: tried one by one. */
  const least = (had: readonly number[], quorum: number) => {
    let size = log.size;
    while (size > 0 && had.filter((other) => other >= size).length < quorum) size -= 1;
    return size;
  };

  it("refuses a quorum that its destinations cannot make up", () => {
    for (const quorum of [3, -1, 1.5]) expect(() => load(new Map(), quorum)).toThrow(/quorum/);
  });

  it("moves forward with receipts, never back, and is what was saved after a restart", async () => {
    const { cursors, stored } = load();
    expect(await cursors.accept(WITNESS.name, utf8(log.receipt(10)))).toEqual({
      size: 10,
      advanced: true,
    });
    expect(await cursors.accept(WITNESS.name, utf8(log.receipt(7)))).toEqual({
      size: 7,
      advanced: false,
    });
    expect(await cursors.accept(WITNESS.name, utf8(log.receipt(10, 2e9)))).toEqual({
      size: 10,
      advanced: false,
    });
    expect(cursors.witnessed(WITNESS.name)).toBe(10);
    expect(stored.get(WITNESS.name)).toBe(log.receipt(10));
    expect(load(stored).cursors.witnessed(WITNESS.name)).toBe(10);
  });

  it("counts as witnessed by all what every destination has", async () => {
    const { cursors } = load();
    await cursors.accept(WITNESS.name, utf8(log.receipt(10)));
    expect(cursors.witnessedByAll).toBe(0);
    await cursors.accept(second.name, utf8(cosign(log.note(4), { ...second, time: 1 })));
    expect(cursors.witnessedByAll).toBe(4);
  });

  it("takes a receipt only for the destination that wrote it", async () => {
    const { cursors } = load();
    await expect(cursors.accept(second.name, utf8(log.receipt()))).rejects.toMatchObject({
      code: "receipt-witness",
    });
    await expect(cursors.accept("nobody", utf8(log.receipt()))).rejects.toMatchObject({
      code: "destination",
    });
    expect(cursors.witnessedByAll).toBe(0);
  });

  it("stays where it is when the receipt cannot be saved", async () => {
    const cursors = UplinkCursors.load({
      origin: ORIGIN,
      log,
      destinations: [DESTINATION],
      quorum: 1,
      stored: () => undefined,
      save: () => Promise.reject(new Error("disk full")),
    });
    await expect(cursors.accept(WITNESS.name, utf8(log.receipt()))).rejects.toThrow("disk full");
    expect(cursors.witnessed(WITNESS.name)).toBe(0);
  });

  it("refuses to start on a saved receipt that is not this log's", () => {
    const stored = new Map([[WITNESS.name, SignedLog.of(3).receipt()]]);
    expect(() => load(stored)).toThrow("own signature");
  });

  it("keeps the larger of two receipts that arrive together", async () => {
    const { cursors } = load();
    await Promise.all(
      [19, 5, 12].map((size) => cursors.accept(WITNESS.name, utf8(log.receipt(size)))),
    );
    expect(cursors.witnessed(WITNESS.name)).toBe(19);
  });
});
