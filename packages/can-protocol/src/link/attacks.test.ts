import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { classOf, isToModule } from "../secured/identifier.js";
import { forged, hello } from "./attacker.fixture.js";
import { alarmsOf, LinkPair, ofKind, reading, readingsOf, SLOT } from "./link-pair.fixture.js";

const isHandshake = (frame: CanFrame) => classOf(frame.id) === "handshake";

describe("what an attacker on the bus can do", () => {
  it("a replay of the last PDU is silent, an older one an alarm, and neither is taken", () => {
    const pair = new LinkPair().link();
    pair.wire.length = 0;
    pair.sendReading();
    pair.run(100);
    const first = [...pair.wire].filter((f) => classOf(f.id) === "normal" && !isToModule(f.id));
    for (const frame of first) pair.inject(frame, "module");
    pair.run(10);
    expect(alarmsOf(pair)).toEqual([]);
    pair.sendReading();
    pair.run(10);
    for (const frame of first) pair.inject(frame, "module");
    pair.run(10);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "tag-failure", class: "normal" }]);
    expect(readingsOf(pair)).toHaveLength(2);
  });

  it("a PDU moved to another class, slot or direction is refused", () => {
    const pair = new LinkPair({ limits: { alarmSpacingMs: 0 } }).link();
    const [sealed] = ofKind(
      pair.module.handle({ kind: "send", message: reading(5) }, pair.now),
      "transmit",
    );
    const moved = (base: number) =>
      sealed!.frames.map((f) => ({ ...f, id: (f.id % 2 ** 18) + base * 2 ** 18 }));
    for (const frame of [...moved(0x631), ...moved(0x637)]) pair.inject(frame, "module");
    for (const frame of moved(0x632)) pair.inject(frame, "pack");
    pair.run(10);
    expect(readingsOf(pair)).toEqual([]);
    expect(alarmsOf(pair).map((alarm) => "class" in alarm && alarm.class)).toEqual([
      "urgent",
      "bulk",
    ]);
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject([
      { kind: "tag-failure", class: "normal" },
    ]);
  });

  it("frames under the pack's own identifiers raise an alarm at the pack", () => {
    const pair = new LinkPair().link();
    pair.inject({ id: 0x630 * 2 ** 18 + SLOT, data: new Uint8Array(8), fd: false }, "module");
    pair.run(1);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "own-identifier", class: "urgent" }]);
  });

  it("alarms are limited to one of a kind in 10 s, and each that came is counted in one that is told", () => {
    const pair = new LinkPair().link();
    const inject = (fill: number) => {
      for (const frame of forged(0x633, fill)) pair.inject(frame, "module");
    };
    for (let n = 0; n < 101; n += 1) inject(n);
    pair.run(9_990, 100);
    const tags = () => alarmsOf(pair).filter(({ kind }) => kind === "tag-failure");
    expect(tags().map(({ suppressed }) => suppressed)).toEqual([0]);
    pair.run(20, 100);
    expect(tags().map(({ suppressed }) => suppressed)).toEqual([0, 99]);
    inject(102);
    pair.run(30_000, 100);
    expect(tags().map(({ suppressed }) => suppressed)).toEqual([0, 99, 0]);
    expect(pair.pack.status.linked).toBe(true);
  });

  it("a replayed message 1 costs time, not the session", () => {
    const pair = new LinkPair().open();
    pair.run(10);
    const message1 = pair.wire.filter((f) => isHandshake(f) && isToModule(f.id));
    const hash = pair.module.status.handshakeHash;
    // A second handshake, so that the first one's message 1 is no longer the last.
    pair.run(2500, 100);
    pair.inject(hello(), "module");
    pair.run(100, 100);
    const hash2 = pair.module.status.handshakeHash;
    expect(hash2).not.toEqual(hash);
    for (const frame of message1) pair.inject(frame, "pack");
    pair.run(3000, 100);
    expect(pair.module.status).toMatchObject({ phase: "settled", linked: true });
    expect(pair.module.status.handshakeHash).toEqual(hash2);
    expect(alarmsOf(pair)).toMatchObject([
      { kind: "bad-handshake", message: 2, reason: "unexpected" },
    ]);
    expect(readingsOf(pair).length).toBeGreaterThanOrEqual(50);
  });

  it("hellos at full rate earn a handshake at once, then ever later, and lose no reading", () => {
    const pair = new LinkPair().link();
    for (let n = 0; n < 6000; n += 1) {
      pair.inject(hello(n), "module");
      pair.run(50, 100);
      pair.now = millis(pair.now + 1);
    }
    const { handshakes } = pair.pack.status.counts;
    expect(handshakes).toBeGreaterThan(5);
    expect(handshakes).toBeLessThan(13); // 5 minutes: 0, 2, 6, 14, 30, 62, 122, 182 … s
    expect(pair.pack.status.counts.accepted).toBe(pair.module.status.counts.sent);
  });

  it("a hello with another uid is an alarm and nothing else", () => {
    const pair = new LinkPair().link().run(3000, 100);
    pair.inject(hello(0, "01".repeat(8)), "module");
    pair.run(100, 100);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "foreign-hello", uid: "01".repeat(8) }]);
    expect(pair.pack.status.counts.handshakes).toBe(1);
  });

  it("a message 1 that does not authenticate leaves the module as it was", () => {
    const pair = new LinkPair().link();
    const before = pair.module.status.handshakeHash;
    for (const frame of forged(0x634, 1, 48)) pair.inject(frame, "pack");
    pair.run(3000, 100);
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject([{ kind: "bad-handshake", message: 1 }]);
    expect(pair.module.status.handshakeHash).toEqual(before);
  });

  it("garbage messages 1, 15 a second for five minutes, keep no handshake out", () => {
    const pair = new LinkPair();
    let count = 0;
    const garbage = (ms: number) => {
      for (let at = 0; at < ms; at += 66) {
        count += 1;
        for (const frame of forged(0x634, count, 48, count)) pair.inject(frame, "pack");
        pair.run(65, 100);
        pair.now = millis(pair.now + 1);
      }
    };
    garbage(300_000);
    pair.open();
    garbage(2000);
    expect(pair.pack.status).toMatchObject({ linked: true });
    expect(pair.pack.status.counts.handshakes).toBeLessThanOrEqual(2);
    expect(alarmsOf(pair, "moduleEffects").at(-1)).toMatchObject({ reason: "refused" });
  });

  it("garbage messages 1 at the full rate of the wire cost 20 a second, and cannot keep every true one out", () => {
    const limits = { spacingMs: 100, backoffMaxMs: 100, answerMs: 50, attemptsPerMinute: 1e6 };
    const pair = new LinkPair({ limits });
    pair.open();
    const flood = (ms: number) => {
      for (const frame of forged(0x634, ms, 48, ms)) {
        pair.module.handle({ kind: "frame", frame }, pair.now);
      }
    };
    let ms = 0;
    for (; ms < 600_000 && !pair.pack.status.linked; ms += 1) {
      if (ms % 5 < 3) flood(ms); // 600 a second: six frames each, of 3.7 thousand frames a second
      pair.run(0);
      pair.now = millis(pair.now + 1);
    }
    expect(pair.pack.status.linked).toBe(true);
    const refused = alarmsOf(pair, "moduleEffects");
    expect(refused.every(({ kind }) => kind === "bad-handshake")).toBe(true);
  });
});
