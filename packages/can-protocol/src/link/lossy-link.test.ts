/** Both ends over a channel that loses, doubles, delays, reorders and corrupts frames, with resets in between. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Channel, LinkPair, ofKind, seededEntropy } from "./link-pair.fixture.js";

interface Faults {
  readonly seed: number;
  readonly fd: boolean;
  /** Per thousand frames. */
  readonly loss: number;
  readonly doubling: number;
  readonly delay: number;
  readonly corruption: number;
  /** Milliseconds after the start at which the module starts anew. */
  readonly resets: readonly number[];
}

const faults: fc.Arbitrary<Faults> = fc.record({
  seed: fc.nat({ max: 100_000 }),
  fd: fc.boolean(),
  loss: fc.nat({ max: 60 }),
  doubling: fc.nat({ max: 60 }),
  delay: fc.nat({ max: 30 }),
  corruption: fc.nat({ max: 30 }),
  resets: fc.array(fc.integer({ min: 1, max: 8000 }), { maxLength: 3 }),
});

function lossy({ seed, loss, doubling, delay, corruption }: Faults): Channel {
  const entropy = seededEntropy(seed + 1);
  const chance = () => {
    const [high, low] = entropy.bytes(2);
    return ((high! << 8) | low!) % 1000;
  };
  return (frame) => {
    if (chance() < loss) return { delays: [] };
    if (chance() < doubling) return { delays: [0, 0] };
    if (chance() < delay) return { delays: [1 + (chance() % 300)] };
    if (chance() < corruption) {
      const data = Uint8Array.from(frame.data);
      data[chance() % data.length]! ^= 1 << (chance() % 8);
      return { delays: [0], frame: { ...frame, data } };
    }
    return { delays: [0] };
  };
}

function runWith(options: Faults): LinkPair {
  const pair = new LinkPair({ fd: options.fd, seed: options.seed });
  pair.channel = lossy(options);
  pair.open();
  let elapsed = 0;
  for (const reset of [...options.resets].sort((a, b) => a - b)) {
    pair.run(reset - elapsed, 100);
    elapsed = reset;
    pair.resetModule();
  }
  return pair.run(10_000 - elapsed, 100);
}

describe("over a bad channel", () => {
  it("no PDU is accepted twice, none is altered, and order is kept within class and session", () => {
    fc.assert(
      fc.property(faults, (options) => {
        const pair = runWith(options);
        for (const effects of [pair.packEffects, pair.moduleEffects]) {
          const last = new Map<string, number>();
          const messages = ofKind<(typeof effects)[number], "message">(effects, "message");
          for (const { handshakeHash, class: cls, counter } of messages) {
            const line = `${handshakeHash} ${cls}`;
            expect(counter).toBeGreaterThan(last.get(line) ?? -1);
            last.set(line, counter);
          }
        }
        const ticks = ofKind(pair.packEffects, "message").flatMap(({ message }) =>
          message.kind === "telemetry" ? [`${message.boot}/${message.tick}`] : [],
        );
        expect(new Set(ticks).size).toBe(ticks.length);
        const readings = ofKind(pair.packEffects, "message").flatMap(({ message }) =>
          message.kind === "telemetry" ? [message.status1] : [],
        );
        expect(readings.every(({ cells, soc }) => cells === 94 && soc === 87.5)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("every PDU accepted was sent, and every session has one hash at both ends", () => {
    fc.assert(
      fc.property(faults, (options) => {
        const pair = runWith(options);
        const hashes = ofKind(pair.moduleEffects, "session").map((s) => String(s.handshakeHash));
        expect(new Set(hashes).size).toBe(hashes.length);
        for (const { handshakeHash } of ofKind(pair.packEffects, "session")) {
          expect(hashes).toContain(String(handshakeHash));
        }
      }),
      { numRuns: 20 },
    );
  });

  it("once it is good again, the link comes back within 70 s and loses nothing more", () => {
    fc.assert(
      fc.property(faults, (options) => {
        const pair = runWith(options);
        pair.channel = () => ({ delays: [0] });
        pair.run(70_000, 500);
        expect(pair.pack.status).toMatchObject({ linked: true, phase: "settled" });
        expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
        const before = ofKind(pair.packEffects, "message").length;
        pair.run(4999, 500);
        expect(ofKind(pair.packEffects, "message").length - before).toBeGreaterThanOrEqual(10);
      }),
      { numRuns: 15 },
    );
  });

  it("memory stays bounded: nothing grows with what was refused", () => {
    const pair = new LinkPair().link();
    pair.channel = () => ({ delays: [] });
    const effects = pair.pack.handle({ kind: "timer" }, pair.now);
    expect(effects).toEqual([]);
    for (let n = 0; n < 20_000; n += 1) {
      const id = (0x630 + (n % 8)) * 2 ** 18 + ((n * 7919) % 1024) * 2 ** 8 + 5;
      const frame = { id, data: new Uint8Array(8).fill(n & 0xff), fd: false };
      pair.pack.handle({ kind: "frame", frame }, pair.now);
      pair.module.handle({ kind: "frame", frame }, pair.now);
    }
    expect(pair.pack.status.counts.accepted).toBe(1);
    expect(pair.module.status.counts.accepted).toBe(1);
    expect(pair.pack.status.counts.handshakes).toBeLessThanOrEqual(2);
  });
});
