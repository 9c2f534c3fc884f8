import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { OUTCOME } from "../inner/messages.js";
import { classOf, isToModule } from "../secured/identifier.js";
import { LinkPair, ofKind, reading, SLOT, T0 } from "./link-pair.fixture.js";
import type { ModuleLinkEffect, PackLinkEffect } from "./types.js";

const flip = (frame: CanFrame, bit: number): CanFrame => {
  const data = Uint8Array.from(frame.data);
  data[bit >> 3]! ^= 1 << (bit & 7);
  return { ...frame, data };
};
const isHandshake = (frame: CanFrame) => classOf(frame.id) === "handshake";
const readingsOf = (pair: LinkPair) =>
  ofKind(pair.packEffects, "message").filter(({ message }) => message.kind === "telemetry");
type End = "packEffects" | "moduleEffects";
const alarmsOf = (pair: LinkPair, end: End = "packEffects") => {
  const effects: readonly (PackLinkEffect | ModuleLinkEffect)[] = pair[end];
  return ofKind(effects, "alarm").map(({ alarm }) => alarm);
};
const kindsAt = (pair: LinkPair) =>
  ofKind(pair.moduleEffects, "message").map(({ message }) => message.kind);

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
    expect(alarmsOf(pair)).toMatchObject([{ kind: "impersonation", class: "urgent" }]);
  });

  it("alarms are limited to one of a kind in 10 s, and count the rest", () => {
    const pair = new LinkPair().link();
    const garbage = (n: number) =>
      [0, 1, 2].map((i) => ({
        id:
          0x633 * 2 ** 18 + (i === 0 ? 2 ** 17 : 0) + (i === 2 ? 2 ** 16 : 0) + i * 2 ** 12 + SLOT,
        data: new Uint8Array(8).fill(n + i),
        fd: false,
      }));
    for (let n = 0; n < 100; n += 1) for (const frame of garbage(n)) pair.inject(frame, "module");
    pair.run(10);
    for (const frame of garbage(101)) pair.inject(frame, "module");
    pair.run(10_001, 100);
    for (const frame of garbage(102)) pair.inject(frame, "module");
    pair.run(10, 100);
    const tags = alarmsOf(pair).filter(({ kind }) => kind === "tag-failure");
    expect(tags.map(({ suppressed }) => suppressed)).toEqual([0, 100]);
    expect(pair.pack.status.linked).toBe(true);
  });

  it("a replayed message 1 costs time, not the session", () => {
    const pair = new LinkPair().open();
    pair.run(10);
    const message1 = pair.wire.filter((f) => isHandshake(f) && isToModule(f.id));
    const hash = pair.module.status.handshakeHash;
    // A second handshake, so that the first one's message 1 is no longer the last.
    pair.run(2500, 100);
    pair.inject(
      { id: 0x635 * 2 ** 18 + 3 * 2 ** 16 + SLOT, data: uidBytes(), fd: false },
      "module",
    );
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

  it("a hello every 50 ms earns a handshake per 2 s, six a minute, and loses no reading", () => {
    const pair = new LinkPair().link();
    for (let n = 0; n < 1200; n += 1) {
      const id = 0x635 * 2 ** 18 + 3 * 2 ** 16 + (n % 16) * 2 ** 8 + SLOT;
      pair.inject({ id, data: uidBytes(), fd: false }, "module");
      pair.run(49, 100);
      pair.now = millis(pair.now + 1);
    }
    const { handshakes } = pair.pack.status.counts;
    expect(handshakes).toBeGreaterThan(2);
    expect(handshakes).toBeLessThanOrEqual(7);
    const sent = pair.module.status.counts.sent;
    expect(pair.pack.status.counts.accepted).toBe(sent);
  });

  it("a hello with another uid is an alarm and nothing else", () => {
    const pair = new LinkPair().link().run(3000, 100);
    const id = 0x635 * 2 ** 18 + 3 * 2 ** 16 + SLOT;
    pair.inject({ id, data: new Uint8Array(8).fill(1), fd: false }, "module");
    pair.run(100, 100);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "foreign-hello", uid: "01".repeat(8) }]);
    expect(pair.pack.status.counts.handshakes).toBe(1);
  });

  it("a message 1 that does not authenticate leaves the module as it was", () => {
    const pair = new LinkPair().link();
    const before = pair.module.status.handshakeHash;
    for (let i = 0; i < 6; i += 1) {
      const id =
        0x634 * 2 ** 18 + (i === 0 ? 2 ** 17 : 0) + (i === 5 ? 2 ** 16 : 0) + i * 2 ** 12 + SLOT;
      pair.inject({ id, data: new Uint8Array(8).fill(i + 1), fd: false }, "pack");
    }
    pair.run(3000, 100);
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject([{ kind: "bad-handshake", message: 1 }]);
    expect(pair.module.status.handshakeHash).toEqual(before);
  });
});

describe("commands", () => {
  it("wait for the first telemetry, whose tick they carry", () => {
    const pair = new LinkPair().link();
    expect(pair.order({ kind: "isolate", cause: 1 })).toEqual([]);
    pair.run(150);
    const tick = pair.module.tick(pair.now);
    pair.sendReading();
    pair.run(10);
    const isolate = ofKind(pair.moduleEffects, "message").find(
      ({ message }) => message.kind === "isolate",
    );
    expect(isolate?.message).toEqual({ kind: "isolate", cause: 1, tick });
    expect(isolate?.class).toBe("urgent");
  });

  it("that wait 2 s for a tick, or are too many, come back unsent", () => {
    const pair = new LinkPair().link();
    for (let n = 0; n < 17; n += 1) pair.order({ kind: "hardware-request" });
    expect(ofKind(pair.packEffects, "unsent").map(({ reason }) => reason)).toEqual(["queue-full"]);
    pair.run(2001);
    const reasons = ofKind(pair.packEffects, "unsent").map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === "no-tick")).toHaveLength(16);
  });

  it("that do not fit their fields are refused at once, held or not", () => {
    const pair = new LinkPair().link();
    const wrong = { kind: "state-change", state: 3, hvBusVoltage: 1e6 } as const;
    const fieldRange = expect.objectContaining({ code: "field-range" });
    expect(() => pair.order(wrong)).toThrow(fieldRange);
    pair.sendReading();
    pair.run(1);
    expect(() => pair.order(wrong)).toThrow(fieldRange);
    expect(readingsOf(pair)).toHaveLength(1);
  });

  it("without a session come back unsent, as readings do", () => {
    const pair = new LinkPair();
    expect(pair.order({ kind: "erase" })).toEqual([
      { kind: "unsent", message: { kind: "erase" }, reason: "no-session" },
    ]);
    expect(pair.send({ kind: "ping", tick: 1 })).toEqual([
      { kind: "unsent", message: { kind: "ping", tick: 1 }, reason: "no-session" },
    ]);
  });

  it("jammed, recorded and released more than 2 s later do nothing but an alarm and an outcome", () => {
    const pair = new LinkPair().link().run(500, 100);
    const jammed: CanFrame[] = [];
    pair.channel = (frame, from) => {
      if (from !== "pack" || classOf(frame.id) !== "urgent") return { delays: [0] };
      jammed.push(frame);
      return { delays: [] };
    };
    pair.order({ kind: "state-change", state: 3, hvBusVoltage: 350 });
    expect(jammed).not.toEqual([]);
    pair.channel = () => ({ delays: [0] });
    pair.run(2200, 100);
    for (const frame of jammed) pair.inject(frame, "pack");
    pair.run(10, 100);
    expect(kindsAt(pair)).not.toContain("state-change");
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject([
      { kind: "stale-command", class: "urgent", counter: 0, type: 4 },
    ]);
    const outcomes = ofKind(pair.packEffects, "message").filter(
      ({ message }) => message.kind === "outcome",
    );
    expect(outcomes[0]?.message).toMatchObject({
      command: 4,
      code: OUTCOME.stale,
      class: 0,
      counter: 0,
    });
  });

  it("are obeyed up to 2 s behind the module's tick", () => {
    const pair = new LinkPair().link();
    pair.sendReading();
    pair.run(0);
    pair.now = millis(pair.now + 2000);
    pair.order({ kind: "isolate", cause: 0 });
    pair.run(0);
    expect(kindsAt(pair)).toContain("isolate");
    pair.now = millis(pair.now + 1);
    pair.order({ kind: "erase" });
    pair.run(0);
    expect(kindsAt(pair)).not.toContain("erase");
  });
});

describe("time", () => {
  it("a heartbeat each second grants the state last set, and at once when it changes", () => {
    const pair = new LinkPair().link().run(5000, 100);
    const beats = () =>
      ofKind(pair.moduleEffects, "message").flatMap(({ message }) =>
        message.kind === "heartbeat" ? [message.maxState] : [],
      );
    expect(beats().length).toBeGreaterThanOrEqual(5);
    expect(beats().length).toBeLessThanOrEqual(6);
    expect(new Set(beats())).toEqual(new Set([3]));
    const before = beats().length;
    pair.toPack({ kind: "max-state", state: 0 });
    pair.run(1, 100);
    expect(beats().slice(before)).toEqual([0]);
  });

  it("a module that hears no fresh word for 11.1 s goes down once, and asks", () => {
    const pair = new LinkPair().link().run(1000, 100);
    const last = ofKind(pair.moduleEffects, "message").length;
    pair.channel = (_frame, from) => ({ delays: from === "pack" ? [] : [0] });
    pair.run(11_000, 100);
    expect(ofKind(pair.moduleEffects, "down")).toEqual([]);
    pair.run(1200, 100);
    expect(ofKind(pair.moduleEffects, "message")).toHaveLength(last);
    expect(ofKind(pair.moduleEffects, "down")).toEqual([{ kind: "down", reason: "silent" }]);
    expect(pair.module.status).toMatchObject({ phase: "asking", linked: false });
    pair.channel = () => ({ delays: [0] });
    pair.run(70_000, 100);
    expect(pair.module.status.linked).toBe(true);
  });

  it("a pack that hears nothing for 4 s says down once, offers spaced out, and comes back", () => {
    const pair = new LinkPair().link().run(1000, 100);
    pair.channel = () => ({ delays: [] });
    pair.run(60_000);
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "silent" }]);
    const { handshakes } = pair.pack.status.counts;
    expect(handshakes).toBeGreaterThan(2);
    expect(handshakes).toBeLessThanOrEqual(7);
    pair.channel = () => ({ delays: [0] });
    pair.run(60_000, 100);
    expect(ofKind(pair.packEffects, "session")).toHaveLength(2);
    expect(pair.pack.status.linked).toBe(true);
  });

  it("a peer that never answers is reported, not hammered", () => {
    const pair = new LinkPair();
    pair.channel = () => ({ delays: [] });
    pair.open().run(600_000);
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "handshake" }]);
    expect(pair.pack.status.counts.handshakes).toBeLessThan(40);
    const hellos = ofKind(pair.moduleEffects, "transmit").length;
    expect(hellos).toBeGreaterThan(10);
    expect(hellos).toBeLessThan(40);
  });

  it("a module started anew is linked again within seconds, with orders on its new tick only", () => {
    const pair = new LinkPair().link().run(5000, 100);
    const hash = pair.pack.status.handshakeHash;
    pair.resetModule();
    pair.run(3000, 100);
    expect(pair.pack.status.handshakeHash).not.toEqual(hash);
    expect(pair.module.status.linked).toBe(true);
    expect(alarmsOf(pair, "moduleEffects").filter(({ kind }) => kind === "stale-command")).toEqual(
      [],
    );
  });

  it("keys are renewed by PDUs and by age, without a reading lost", () => {
    for (const limits of [{ sessionPdus: 100 }, { sessionAgeMs: 10_000 }]) {
      const pair = new LinkPair({ limits }).link().run(60_000, 100);
      const sessions = ofKind(pair.packEffects, "session");
      expect(sessions.length).toBeGreaterThanOrEqual(5);
      expect(new Set(sessions.map(({ handshakeHash }) => String(handshakeHash))).size).toBe(
        sessions.length,
      );
      expect(pair.pack.status.counts.accepted).toBe(pair.module.status.counts.sent);
      expect(pair.pack.status.counts.rejected).toBe(0);
      expect(pair.module.status.counts.rejected).toBe(0);
    }
  });

  it("old keys serve until their successor is proven and 1 s longer", () => {
    const pair = new LinkPair().link().run(3000, 100);
    const held: CanFrame[] = [];
    let holding = true;
    pair.channel = (frame, from) => {
      if (!holding || from !== "module" || classOf(frame.id) !== "urgent") return { delays: [0] };
      held.push(frame);
      return { delays: [] };
    };
    const report = {
      kind: "state-report",
      tick: 1,
      state: 0,
      status: 2,
      faults: 4,
      voltage: 0,
    } as const;
    for (let n = 0; n < 2; n += 1) pair.send(report);
    holding = false;
    const id = 0x635 * 2 ** 18 + 3 * 2 ** 16 + SLOT;
    pair.inject({ id, data: uidBytes(), fd: false }, "module");
    pair.run(500, 100);
    expect(ofKind(pair.packEffects, "session")).toHaveLength(2);
    const urgent = () =>
      ofKind(pair.packEffects, "message").filter((m) => m.class === "urgent").length;
    const half = held.length / 2;
    for (const frame of held.slice(0, half)) pair.inject(frame, "module");
    pair.run(1);
    expect(urgent()).toBe(1);
    pair.run(1000, 100);
    for (const frame of held.slice(half)) pair.inject(frame, "module");
    pair.run(1);
    expect(urgent()).toBe(1);
  });

  it("up to 63 PDUs lost in a row are bridged, more ask for new keys", () => {
    for (const [lost, handshakes] of [
      [63, 1],
      [64, 2],
    ] as const) {
      const pair = new LinkPair().link().run(3000);
      pair.channel = () => ({ delays: [] });
      for (let n = 0; n < lost; n += 1) pair.sendReading();
      pair.channel = () => ({ delays: [0] });
      pair.sendReading();
      pair.run(100);
      expect(pair.pack.status.counts.handshakes).toBe(handshakes);
      expect(readingsOf(pair)).toHaveLength(lost === 63 ? 1 : 0);
      pair.sendReading();
      pair.run(100);
      expect(readingsOf(pair)).toHaveLength(lost === 63 ? 2 : 1);
    }
  });

  it("bus-off ends the session, and a new one follows it", () => {
    const pair = new LinkPair().link().run(1000, 100);
    pair.toPack({ kind: "bus", state: "bus-off" });
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "bus-off" }]);
    pair.run(100, 100);
    expect(pair.pack.status.linked).toBe(false);
    pair.toPack({ kind: "bus", state: "active" });
    pair.run(100, 100);
    expect(pair.pack.status.linked).toBe(true);
  });

  it("closing is final for both ends and leaves no deadline", () => {
    const pair = new LinkPair().link();
    expect(ofKind(pair.toPack({ kind: "close" }), "down")).toEqual([
      { kind: "down", reason: "closed" },
    ]);
    pair.toModule({ kind: "close" });
    expect([pair.pack.deadline, pair.module.deadline]).toEqual([undefined, undefined]);
  });

  it("the module's tick wraps at 2^32 ms, and fresh orders stay fresh across it", () => {
    const pair = new LinkPair();
    pair.now = millis(T0 + 2 ** 32 - 1000);
    pair.link().run(3000, 100);
    expect(pair.module.tick(pair.now)).toBeLessThan(3000);
    expect(alarmsOf(pair, "moduleEffects")).toEqual([]);
    expect(kindsAt(pair).filter((kind) => kind === "heartbeat").length).toBeGreaterThanOrEqual(3);
  });
});

function uidBytes(): Uint8Array {
  return Uint8Array.from([1, 2, 0, 0, 0x78, 0x56, 0x34, 0x12]);
}
