import { DecodeError, encodeCbor, WattsealError } from "@wattseal/base";
import { verifyCheckpoint } from "@wattseal/tlog";
import { encode as cborg } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBatch, encodeBatch } from "./batch.js";
import { checkBatch, checkResponse } from "./check.js";
import { MAX_BATCH_LEAVES, MAX_MESSAGE_BYTES } from "./limits.js";
import { ORIGIN, SignedLog } from "./log.fixture.js";
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from "./request.js";
import { takeResponse } from "./respond.js";

const log = SignedLog.of(40);

/** What a receiver does that knows `prevSize` leaves and the pack's key. */
function receive(bytes: Uint8Array, prevSize: number): void {
  const batch = decodeBatch(bytes);
  if (batch.origin !== ORIGIN) throw new DecodeError("batch", 0, "origin");
  checkBatch(batch, log.frontier(prevSize));
  verifyCheckpoint(batch.checkpoint, { name: ORIGIN, publicKey: log.signer.publicKey });
}

describe("batch", () => {
  it("is one deterministic CBOR map, as an independent encoder writes it", () => {
    const batch = log.batch(10, 13);
    const bytes = encodeBatch(batch);
    const { origin, prevSize, leaves, checkpoint } = batch;
    expect(Buffer.from(bytes)).toEqual(
      Buffer.from(cborg({ v: 1, leaves, origin, prevSize, checkpoint })),
    );
    expect(decodeBatch(bytes)).toEqual(batch);
  });

  it("extends the frontier it is checked against, and leaves that untouched", () => {
    const frontier = log.frontier(10);
    const extension = checkBatch(log.batch(10), frontier);
    expect(extension.frontier.size).toBe(40);
    expect(extension.frontier.root()).toEqual(log.root(40));
    expect(frontier.size).toBe(10);
    expect(extension.leafHashes).toHaveLength(30);
  });

  it("refuses every single flipped bit, by its decoder or its verification, with a message", () => {
    const bytes = encodeBatch(log.batch(37));
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      let thrown: unknown;
      try {
        receive(flipped, 37);
      } catch (error) {
        thrown = error;
      }
      expect(thrown, `bit ${bit}`).toBeInstanceOf(WattsealError);
      expect(String(thrown)).toMatch(/batch|checkpoint|note|leaf|leaves|root|signature/);
    }
  });

  it("names leaves, sizes and roots where they disagree", () => {
    const batch = log.batch(10, 13);
    const other = { ...batch, leaves: [...batch.leaves.slice(0, 2), Uint8Array.of(1)] };
    expect(() => checkBatch(other, log.frontier(10))).toThrow(
      /leaves 10 to 12 give root .{44} at size 13, its checkpoint says .{44}/,
    );
    expect(() => checkBatch(batch, log.frontier(9))).toThrow(
      "begins at leaf 10, but 9 leaves are known",
    );
    const short = { ...batch, leaves: batch.leaves.slice(1) };
    expect(() => checkBatch(short, log.frontier(10))).toThrow(
      "holds leaves 10 to 11, but its checkpoint is of size 13",
    );
    expect(() => checkBatch({ ...batch, origin: "wattseal/x" }, log.frontier(10))).toThrow(
      `is of the log "${ORIGIN}", not "wattseal/x"`,
    );
    const twice = `${batch.checkpoint}${batch.checkpoint.split("\n\n")[1]!.replace(ORIGIN, "x")}`;
    expect(() => checkBatch({ ...batch, checkpoint: twice }, log.frontier(10))).toThrow(
      "has 2 signatures, not one",
    );
  });

  it("keeps its bounds on both sides", () => {
    const note = log.note();
    const leaf = new Uint8Array(1);
    const make = (leaves: Uint8Array[]) =>
      encodeBatch({ origin: ORIGIN, prevSize: 0, leaves, checkpoint: note });
    expect(() => make([])).toThrow("0 leaves");
    expect(() => make(Array(MAX_BATCH_LEAVES + 1).fill(leaf))).toThrow("4097 leaves");
    expect(() => make([new Uint8Array(0)])).toThrow("leaf 0");
    expect(() => make([new Uint8Array(16_385)])).toThrow("leaf 0");
    expect(() => make(Array(16).fill(new Uint8Array(16_384)))).toThrow("exceeds 262144");
    const map = (leaves: Uint8Array[]) =>
      encodeCbor(
        new Map<string, number | string | Uint8Array[]>([
          ["v", 1],
          ["origin", ORIGIN],
          ["prevSize", 7],
          ["leaves", leaves],
          ["checkpoint", note],
        ]),
      );
    expect(() => decodeBatch(map([]))).toThrow('field "leaves" is empty');
    expect(() => decodeBatch(map(Array(4097).fill(leaf)))).toThrow('field "leaves"');
    expect(() => decodeBatch(map([leaf, new Uint8Array(16_385)]))).toThrow(
      "leaf 8 has 16385 bytes",
    );
    expect(() => decodeBatch(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow("262145 bytes");
  });

  it("refuses another version, missing and further fields by name", () => {
    const fields = (change: (map: Map<string, number | string | Uint8Array[]>) => unknown) => {
      const map = new Map<string, number | string | Uint8Array[]>([
        ["v", 1],
        ["origin", ORIGIN],
        ["prevSize", 0],
        ["leaves", [Uint8Array.of(1)]],
        ["checkpoint", "x"],
      ]);
      change(map);
      return () => decodeBatch(encodeCbor(map));
    };
    expect(fields(() => {})).not.toThrow();
    expect(fields((m) => m.set("v", 2))).toThrow("version (v) is not 1");
    expect(fields((m) => m.delete("origin"))).toThrow('has no field "origin"');
    expect(fields((m) => m.set("extra", 1))).toThrow("has fields that version 1 lacks");
    expect(fields((m) => m.set("prevSize", -1))).toThrow('field "prevSize"');
    expect(fields((m) => m.set("prevSize", "0"))).toThrow('field "prevSize"');
  });

  it("answers arbitrary bytes with a value or a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const decode of [decodeBatch, decodeRequest, decodeResponse]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("request and response", () => {
  it("come back as they went", () => {
    const request = { id: 0xff_ff_ff_ff, from: 12 };
    expect(decodeRequest(encodeRequest(request))).toEqual(request);
    const response = {
      id: 1,
      prevSize: 3,
      leaves: [Uint8Array.of(1)],
      proof: [new Uint8Array(32)],
      checkpoint: "n",
    };
    expect(decodeResponse(encodeResponse(response))).toEqual(response);
    const badProof = encodeResponse({ ...response, proof: [new Uint8Array(31)] });
    expect(() => decodeResponse(badProof)).toThrow('field "proof"');
    expect(() => decodeRequest(encodeRequest({ id: 2 ** 32, from: 0 }))).toThrow('field "id"');
  });

  it("extend the log leaf by leaf towards a checkpoint far ahead, and nothing else does", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 39 }), fc.integer({ min: 1, max: 40 }), (a, b) => {
        const size = Math.max(a + 1, b);
        const checkpoint = log.pending(0, size);
        const response = takeResponse(log, { kind: "response", id: 7, from: a, checkpoint });
        const { frontier } = checkResponse(response, ORIGIN, log.frontier(a));
        expect(frontier.size).toBe(size);
        const part = {
          ...response,
          leaves: response.leaves.slice(0, 1),
          proof: log.consistencyProof(a + 1, size),
        };
        expect(checkResponse(part, ORIGIN, log.frontier(a)).frontier.size).toBe(a + 1);
        const wrong = { ...part, leaves: [Uint8Array.of(9)] };
        expect(() => checkResponse(wrong, ORIGIN, log.frontier(a))).toThrow(
          `leaves ${a} to ${a} are no prefix of its checkpoint of size ${size}`,
        );
      }),
    );
  });
});
