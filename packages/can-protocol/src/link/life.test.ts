import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { classOf } from "../secured/identifier.js";
import { hello } from "./attacker.fixture.js";
import { alarmsOf, kindsAt, LinkPair, ofKind, readingsOf, T0 } from "./link-pair.fixture.js";

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
    const pair = new LinkPair().link().run(1150, 100); // a heartbeat has just come
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
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "silent" }]);
    expect(ofKind(pair.packEffects, "lost")).toEqual([{ kind: "lost", silentMs: 12_000 }]);
    expect(pair.pack.status.strikes).toBe(3);
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
    pair.inject(hello(), "module");
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
    pair.run(2000, 100);
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

  it.each([{ fd: false }, { fd: true }])(
    "no PDU is lost across a new session, in either direction, whatever both send meanwhile (FD $fd)",
    ({ fd }) => {
      const pair = new LinkPair({ fd, limits: { sessionPdus: 150, outcomeMs: 1e6 } }).link();
      // The wire takes its time, so that PDUs are always on their way while keys change.
      pair.channel = () => ({ delays: [7] });
      sendBothWays(pair, 20_000);
      expect(ofKind(pair.packEffects, "session").length).toBeGreaterThan(5);
      const times = ofKind(pair.moduleEffects, "message").flatMap(({ message }) =>
        message.kind === "time" ? [message.utcMs] : [],
      );
      expect(times.length).toBeGreaterThan(60);
      expect(times).toEqual(Array.from({ length: times.length }, (_, i) => i + 1));
      expect(pair.pack.status.counts).toMatchObject({ rejected: 0 });
      expect(pair.module.status.counts).toMatchObject({ rejected: 0 });
      expect(pair.pack.status.counts.accepted).toBe(pair.module.status.counts.sent);
      expect(pair.module.status.counts.accepted).toBe(pair.pack.status.counts.sent);
    },
  );
});

const REPORT = { kind: "state-report", state: 0, status: 2, faults: 0, voltage: 0 } as const;

/** Readings, reports and orders, each at its own pace. */
function sendBothWays(pair: LinkPair, until: number): void {
  let ordered = 0;
  for (let ms = 0; ms < until; ms += 1) {
    if (ms % 10 === 0) pair.sendReading();
    if (ms % 23 === 0) pair.send({ ...REPORT, tick: ms });
    if (ms >= 100 && ms % 17 === 0) {
      ordered += 1;
      pair.order({ kind: "time", utcMs: ordered, valid: 1 });
    }
    pair.run(0);
    pair.now = millis(pair.now + 1);
  }
  pair.run(100);
}
