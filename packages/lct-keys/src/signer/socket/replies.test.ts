import { DecodeError, RangeViolation } from "@wattseal/base";
import { DeviceKeysError } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import { testPack } from "../../lct-keys.fixture.js";
import { type LctKeysCode, LctKeysError } from "../../verify/errors.js";
import { FrameReader, frameOf } from "./frames.js";
import {
  decodeIdentity,
  decodeNextStart,
  decodeReply,
  identityResult,
  nextStartResult,
  refusalReply,
} from "./replies.js";

const errorIn = (reply: Uint8Array) => {
  const decoded = decodeReply(reply).reply;
  return decoded.kind === "refused" ? decoded.error : undefined;
};

describe("a refusal", () => {
  const codes: readonly LctKeysCode[] = [
    "state-corrupt",
    "state-rolled-back",
    "counter-rolled-back",
    "log-rolled-back",
    "log-forked",
    "half-unknown",
    "half-refused",
    "sign-smaller",
    "sign-forked",
    "sign-inconsistent",
    "ocmf-signed",
    "epoch-expired",
    "signer-superseded",
    "signer-faulted",
    "signer-closed",
    "signer-busy",
    "tpm-cleared",
    "key-permissions",
  ];

  it.each(codes)("%s is the same error on the other side", (code) => {
    const error = errorIn(refusalReply(7, new LctKeysError(code, "why, and the cure")));
    expect(error).toBeInstanceOf(LctKeysError);
    expect(error).toMatchObject({ code, message: "why, and the cure", retryAfterMs: undefined });
    expect(error).toMatchObject({ kind: new LctKeysError(code, "").kind });
  });

  it.each(["epoch-rationed", "rate-limited"] as const)("%s says when to ask again", (code) => {
    const thrown = new LctKeysError(code, "later", { retryAfterMs: 600.4 });
    expect(errorIn(refusalReply(7, thrown))).toMatchObject({ code, retryAfterMs: 601 });
  });

  it("for a caller's bug and for a weak peer keeps its kind", () => {
    expect(errorIn(refusalReply(7, new RangeViolation("short")))).toBeInstanceOf(RangeViolation);
    const weak = new DeviceKeysError("weak-peer-half", "peer", "no secret");
    expect(errorIn(refusalReply(7, weak))).toMatchObject({ code: "weak-peer-half", kind: "peer" });
  });

  it("for whatever else went wrong in there is a fault of the signer's, bounded and well-formed", () => {
    const error = errorIn(refusalReply(7, new Error(`\ud800${"x".repeat(100_000)}`)));
    expect(error).toMatchObject({ code: "signer-faulted" });
    expect(error?.message.length).toBeLessThan(3_000);
  });
});

describe("when the next start is paid for", () => {
  it.each([undefined, 0, 1, 599_999])("%s is the same on the other side", (ms) => {
    expect(decodeNextStart(nextStartResult(ms))).toBe(ms);
  });

  it("is never said too early, and nothing else is believed", () => {
    expect(decodeNextStart(nextStartResult(0.4))).toBe(1);
    for (const result of [undefined, 5, [-1], [1, 2], ["soon"], [[]]]) {
      expect(() => decodeNextStart(result)).toThrow(DecodeError);
    }
  });
});

describe("frames", () => {
  const contents = [1, 2, 300, 3_000].map((length) => new Uint8Array(length).fill(length & 255));

  it("come out of the stream as they went in, however it is cut", () => {
    const stream = contents.map(frameOf).flatMap((frame) => [...frame]);
    for (const cut of [1, 3, 4, 5, 7, 1_000, stream.length]) {
      const reader = new FrameReader(3_000);
      const read: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += cut) {
        reader.push(Uint8Array.from(stream.slice(at, at + cut)));
        for (let next = reader.next(); next; next = reader.next()) read.push(next);
      }
      expect(read).toEqual(contents);
      expect(reader.within).toBe(false);
    }
  });

  it("are refused for a length of nothing, and for one beyond the bound, by the length alone", () => {
    for (const header of [
      [0, 0, 0, 0],
      [0, 0, 0, 65],
      [255, 255, 255, 255],
    ]) {
      const reader = new FrameReader(64);
      reader.push(Uint8Array.from(header));
      expect(() => reader.next()).toThrow(/states \d+ bytes/);
    }
  });
});

it("a signer that speaks for another LCT than the one that was asked for is refused", () => {
  const { document } = testPack("replies");
  const { lct, origin, binding } = document;
  const rest = { epoch: 1, publicKey: new Uint8Array(32), state: "software" } as const;
  const result = identityResult({ lct, origin, binding, ...rest, evidence: new Uint8Array(1) });
  expect(decodeIdentity(result, lct)).toMatchObject({ lct, epoch: 1 });
  const other = testPack("another").document.lct;
  expect(() => decodeIdentity(result, other)).toThrow(/of another LCT/);
});
