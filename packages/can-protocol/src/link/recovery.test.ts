import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { classOf } from "../secured/identifier.js";
import { alarmsOf, kindsAt, LinkPair, ofKind, reading, readingsOf } from "./link-pair.fixture.js";

describe("a link that was torn", () => {
  it("comes back from the pack's reset, without the module's doing", () => {
    const pair = new LinkPair().link().run(5000, 100);
    pair.resetPack();
    pair.run(50, 100);
    expect(pair.pack.status).toMatchObject({ linked: true, phase: "settled" });
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
  });

  it("comes back from the module's reset although its hello was lost", () => {
    const pair = new LinkPair().link().run(5000, 100);
    pair.channel = (frame) => ({ delays: classOf(frame.id) === "handshake" ? [] : [0] });
    pair.resetModule();
    pair.run(600, 100);
    pair.channel = () => ({ delays: [0] });
    pair.run(10_000, 100);
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
  });

  it("needs no hello to come back from lost keys: a module's silence is enough", () => {
    const pair = new LinkPair().link().run(5000, 100);
    pair.module.handle({ kind: "close" }, pair.now);
    pair.run(3900);
    expect(ofKind(pair.packEffects, "down")).toEqual([]);
    pair.run(200);
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "silent" }]);
    pair.toModule({ kind: "open" });
    pair.run(3000, 100);
    expect(pair.pack.status).toMatchObject({ linked: true, strikes: 0 });
  });

  it("is no way around the cap on attempts when the bus flaps", () => {
    const pair = new LinkPair().link();
    for (let n = 0; n < 600; n += 1) {
      for (const to of [pair.toPack.bind(pair), pair.toModule.bind(pair)]) {
        to({ kind: "bus", state: "bus-off" });
        to({ kind: "bus", state: "active" });
      }
      pair.run(100, 50);
    }
    expect(pair.pack.status.counts.handshakes).toBeLessThanOrEqual(7);
    const hellos = ofKind(pair.moduleEffects, "transmit").filter(
      ({ class: cls, frames }) => cls === "handshake" && frames.length === 1,
    );
    expect(hellos.length).toBeLessThanOrEqual(7);
  });

  it("is mended when the counters of one class drift apart in an otherwise good session", () => {
    const pair = new LinkPair().link().run(3000, 100);
    pair.channel = (frame) => ({ delays: classOf(frame.id) === "urgent" ? [] : [0] });
    for (let n = 0; n < 64; n += 1) pair.order({ kind: "isolate", cause: 1 });
    pair.run(3500, 100);
    pair.channel = () => ({ delays: [0] });
    pair.run(3000, 100);
    pair.moduleEffects.length = 0;
    pair.order({ kind: "isolate", cause: 2 });
    pair.run(10, 100);
    expect(kindsAt(pair)).toContain("isolate");
  });
});

describe("silence at the pack", () => {
  it("is a strike each 4 s: down at the first, lost at the third, and the link goes on trying, spaced", () => {
    const pair = new LinkPair().link().run(1000, 100);
    pair.channel = () => ({ delays: [] });
    const told = () => pair.packEffects.filter(({ kind }) => kind === "down" || kind === "lost");
    const expected = [
      [3800, 0, []],
      [400, 1, ["down"]],
      [4000, 2, ["down"]],
      [4000, 3, ["down", "lost"]],
      [600_000, 3, ["down", "lost"]],
    ] as const;
    for (const [ms, strikes, kinds] of expected) {
      pair.run(ms);
      expect(pair.pack.status.strikes).toBe(strikes);
      expect(told().map(({ kind }) => kind)).toEqual(kinds);
    }
    const before = pair.pack.status.counts.handshakes;
    pair.run(60_000);
    const tried = pair.pack.status.counts.handshakes - before;
    expect(tried).toBeGreaterThanOrEqual(1);
    expect(tried).toBeLessThanOrEqual(3);
    pair.channel = () => ({ delays: [0] });
    pair.run(40_000, 100);
    expect(pair.pack.status).toMatchObject({ linked: true, strikes: 0 });
  });

  it("of a module that says hello and never answers is a handshake that comes to nothing", () => {
    const pair = new LinkPair();
    pair.channel = (_frame, from) => ({ delays: from === "module" ? [0] : [] });
    pair.open().run(5000);
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "handshake" }]);
  });
});

describe("a host that slept", () => {
  it("takes no reading from before for the present, and links anew at once", () => {
    const pair = new LinkPair().link().run(5000, 100);
    const before = readingsOf(pair).length;
    const late: CanFrame[] = [];
    for (let n = 0; n < 20; n += 1) {
      const effects = pair.module.handle({ kind: "send", message: reading(n) }, pair.now);
      for (const { frames } of ofKind(effects, "transmit")) late.push(...frames);
    }
    pair.now = millis(pair.now + 300_000);
    for (const frame of late) pair.toPack({ kind: "frame", frame });
    expect(readingsOf(pair)).toHaveLength(before);
    expect(ofKind(pair.packEffects, "down")).toEqual([{ kind: "down", reason: "asleep" }]);
    expect(ofKind(pair.packEffects, "lost")).toEqual([]);
    pair.run(3000, 100);
    expect(pair.pack.status).toMatchObject({ linked: true, strikes: 0 });
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
  });

  it("at the module, goes Off before it hears a word", () => {
    const pair = new LinkPair().link().run(5000, 100);
    pair.now = millis(pair.now + 60_000);
    expect(ofKind(pair.toModule({ kind: "timer" }), "down")).toEqual([
      { kind: "down", reason: "asleep" },
    ]);
    pair.run(3000, 100);
    expect(pair.module.status.linked).toBe(true);
  });

  it("is not one whose clock was set back: heartbeats, deadlines and ages go on", () => {
    const pair = new LinkPair().link().run(5000, 100);
    const beats = () => kindsAt(pair).filter((kind) => kind === "heartbeat").length;
    const before = beats();
    pair.now = millis(pair.now - 3_600_000);
    for (const deadline of [pair.pack.deadline, pair.module.deadline]) {
      pair.toPack({ kind: "timer" });
      pair.toModule({ kind: "timer" });
      expect(deadline).toBeDefined();
    }
    expect(pair.pack.deadline! - pair.now).toBeLessThanOrEqual(1000);
    pair.run(20_000, 100);
    expect(beats() - before).toBeGreaterThanOrEqual(19);
    expect(ofKind(pair.packEffects, "down")).toEqual([]);
    expect(ofKind(pair.moduleEffects, "down")).toEqual([]);
    expect(alarmsOf(pair, "moduleEffects")).toEqual([]);
  });
});
