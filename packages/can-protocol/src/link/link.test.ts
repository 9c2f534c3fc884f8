import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { alarmsOf, LinkPair, ofKind, reading, readingsOf, SLOT } from "./link-pair.fixture.js";

const flip = (frame: CanFrame, bit: number): CanFrame => {
  const data = Uint8Array.from(frame.data);
  data[bit >> 3]! ^= 1 << (bit & 7);
  return { ...frame, data };
};

describe.each([{ fd: false }, { fd: true }])("a link (FD $fd)", ({ fd }) => {
  it("comes up in one handshake and carries every reading, in order, once", () => {
    const pair = new LinkPair({ fd }).link().run(2000, 100);
    const counters = readingsOf(pair).map(({ counter }) => counter);
    expect(counters).toEqual(Array.from({ length: counters.length }, (_, i) => i + 1));
    expect(counters.length).toBeGreaterThanOrEqual(20);
    expect(ofKind(pair.packEffects, "session")).toHaveLength(1);
    expect(pair.pack.status).toMatchObject({ phase: "settled", linked: true });
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
    expect(alarmsOf(pair)).toEqual([]);
    expect(alarmsOf(pair, "moduleEffects")).toEqual([]);
  });

  it("refuses each frame of a reading with any bit flipped, and names slot, class and candidate", () => {
    const pair = new LinkPair({ fd, limits: { alarmSpacingMs: 0 } }).link();
    const [sealed] = ofKind(
      pair.module.handle({ kind: "send", message: reading(5) }, pair.now),
      "transmit",
    );
    for (const [index, frame] of sealed!.frames.entries()) {
      for (let bit = 0; bit < 8 * frame.data.length; bit += 1) {
        const altered = sealed!.frames.map((f, i) => (i === index ? flip(f, bit) : f));
        const effects = altered.flatMap((f) =>
          pair.pack.handle({ kind: "frame", frame: f }, pair.now),
        );
        expect(ofKind(effects, "message")).toEqual([]);
        expect(ofKind(effects, "alarm").map(({ alarm }) => alarm)).toEqual([
          { kind: "tag-failure", slot: SLOT, class: "normal", candidate: 1, suppressed: 0 },
        ]);
      }
    }
    const effects = sealed!.frames.flatMap((frame) =>
      pair.pack.handle({ kind: "frame", frame }, pair.now),
    );
    expect(ofKind(effects, "message")).toHaveLength(1);
  });

  it("refuses each frame of a reading with any identifier bit flipped", () => {
    const pair = new LinkPair({ fd }).link();
    const [sealed] = ofKind(
      pair.module.handle({ kind: "send", message: reading(5) }, pair.now),
      "transmit",
    );
    for (const index of sealed!.frames.keys()) {
      for (let bit = 0; bit < 29; bit += 1) {
        const altered = sealed!.frames.map((f, i) =>
          i === index ? { ...f, id: f.id ^ (1 << bit) } : f,
        );
        const effects = altered.flatMap((frame) =>
          pair.pack.handle({ kind: "frame", frame }, pair.now),
        );
        expect(ofKind(effects, "message")).toEqual([]);
      }
    }
    const effects = sealed!.frames.flatMap((frame) =>
      pair.pack.handle({ kind: "frame", frame }, pair.now),
    );
    expect(ofKind(effects, "message")).toHaveLength(1);
  });
});
