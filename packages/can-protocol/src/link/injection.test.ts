/** Frames and PDUs that an attacker puts on the bus: what each is called, and that nothing comes of it. */

import { slot } from "@wattseal/base";
import { DeviceHalf, KkInitiator } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { handshakeFrames, prologue } from "../secured/handshake.js";
import { isToModule } from "../secured/identifier.js";
import { forged, hello } from "./attacker.fixture.js";
import {
  alarmsOf,
  LinkPair,
  moduleHalf,
  ofKind,
  packHalf,
  packHash,
  reading,
  readingsOf,
  SLOT,
  seededEntropy,
  UID,
} from "./link-pair.fixture.js";
import { PackLink } from "./pack-link.js";
import { withHalves } from "./with-halves.js";

const loud = { alarmSpacingMs: 0 };
const linked = () => new LinkPair({ limits: loud }).link().run(500, 100);
const kinds = (pair: LinkPair, end: "packEffects" | "moduleEffects" = "packEffects") => [
  ...new Set(alarmsOf(pair, end).map(({ kind }) => kind)),
];

/** A genuine reading that has not reached the pack. */
function caught(pair: LinkPair): readonly CanFrame[] {
  const effects = pair.module.handle({ kind: "send", message: reading(1) }, pair.now);
  return ofKind(effects, "transmit")[0]!.frames;
}

function push(pair: LinkPair, frames: readonly CanFrame[]): void {
  for (const frame of frames) pair.inject(frame, "module");
  pair.run(0);
}

describe("segments", () => {
  const cases: Record<string, [(frames: readonly CanFrame[]) => readonly CanFrame[], string]> = {
    truncated: [(frames) => [...frames.slice(0, -1), ...forged(0x633, 1)], "interrupted"],
    reordered: [(frames) => [frames[0]!, frames[2]!, frames[1]!, ...frames.slice(3)], "order"],
    "without their first": [(frames) => frames.slice(1), "order"],
    "interleaved with another PDU's": [
      (frames) => frames.flatMap((frame, i) => [frame, forged(0x633, 9, 64, 5)[i]!]),
      "interrupted",
    ],
    "of two frame formats": [
      (frames) => frames.map((frame, i) => (i === 3 ? { ...frame, fd: true } : frame)),
      "order",
    ],
    "not filled": [
      (frames) => frames.map((f, i) => (i === 2 ? { ...f, data: f.data.subarray(1) } : f)),
      "length",
    ],
  };
  for (const [name, [alter, reason]] of Object.entries(cases)) {
    it(`${name} make no reading, and an alarm of broken-pdu (${reason})`, () => {
      const pair = linked();
      const before = readingsOf(pair).length;
      push(pair, alter(caught(pair)));
      expect(readingsOf(pair)).toHaveLength(before);
      expect(alarmsOf(pair)[0]).toMatchObject({ kind: "broken-pdu", class: "normal", reason });
      pair.run(500, 100);
      expect(readingsOf(pair).length).toBeGreaterThanOrEqual(before + 4);
    });
  }

  it("that never end are given up at 4 KiB, once", () => {
    const pair = linked();
    const endless = Array.from({ length: 5000 }, (_, i) => ({
      id: 0x633 * 2 ** 18 + (i === 0 ? 2 ** 17 : 0) + (i % 16) * 2 ** 12 + SLOT,
      data: Uint8Array.of(i, i >> 8, 0, 0, 0, 0, 0, 0),
      fd: false,
    }));
    push(pair, endless);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "broken-pdu", reason: "length" }]);
  });

  it("that stop for more than 200 ms are given up", () => {
    const pair = linked();
    const [first, ...rest] = caught(pair);
    push(pair, [first!]);
    pair.run(201);
    push(pair, rest);
    expect(alarmsOf(pair)).toMatchObject([{ kind: "broken-pdu", reason: "timeout" }]);
  });
});

describe("PDUs", () => {
  it("reflected, as they are or under the other direction's identifiers, are taken by neither end", () => {
    const pair = linked();
    const mirrored = (frames: readonly CanFrame[]) =>
      frames.map((frame) => ({ ...frame, id: frame.id ^ (1 << 18) }));
    const own = pair.wire.filter(({ id }) => id >>> 18 === 0x632);
    const before = [pair.pack.status.counts.accepted, pair.module.status.counts.accepted];
    pair.inject(own[0]!, "module"); // P→M frames that come back to the pack
    push(pair, mirrored(own.slice(0, 3)));
    expect(kinds(pair)).toEqual(["own-identifier", "tag-failure"]);
    const theirs = pair.wire.filter(({ id }) => id >>> 18 === 0x633).slice(0, 8);
    pair.inject(theirs[0]!, "pack");
    for (const frame of mirrored(theirs)) pair.inject(frame, "pack");
    pair.run(0);
    expect(kinds(pair, "moduleEffects")).toEqual(["own-identifier", "tag-failure"]);
    expect([pair.pack.status.counts.accepted, pair.module.status.counts.accepted]).toEqual(before);
  });

  it("of another slot are another link's; moved here, they open nothing", () => {
    const pair = linked();
    const frames = caught(pair);
    const moved = frames.map((frame) => ({ ...frame, id: frame.id + 1 }));
    push(pair, moved);
    expect(alarmsOf(pair)).toEqual([]);
    const other = new LinkPair({ seed: 99, limits: loud }).link().run(500, 100);
    const before = readingsOf(pair).length;
    push(pair, caught(other)); // the same slot, the same halves, another session
    expect(kinds(pair)).toEqual(["tag-failure"]);
    expect(readingsOf(pair)).toHaveLength(before);
  });

  it("replayed from any time of the session are refused, the last one in silence", () => {
    const pair = linked();
    const old = pair.wire.filter(({ id }) => !isToModule(id) && id >>> 18 === 0x633);
    const before = pair.pack.status.counts.accepted;
    push(pair, old);
    expect(pair.pack.status.counts.accepted).toBe(before);
    expect(kinds(pair)).toEqual(["tag-failure"]);
    pair.run(500, 100);
    expect(pair.pack.status.counts.accepted).toBeGreaterThanOrEqual(before + 4);
  });

  it("replayed into the session after are refused", () => {
    const pair = linked();
    const old = pair.wire.filter(({ id }) => id >>> 18 === 0x633);
    pair.resetModule();
    pair.run(5000);
    pair.packEffects.length = 0;
    push(pair, old);
    expect(readingsOf(pair)).toEqual([]);
    expect(kinds(pair)).toEqual(["tag-failure"]);
  });

  it("forged at the full rate of the wire force ever fewer handshakes, starve nothing, and are all counted", () => {
    const pair = new LinkPair().link();
    const forgeries = flood(pair, 75_000);
    pair.run(10_000, 200);
    expect(readingsOf(pair).length).toBeGreaterThanOrEqual(5 * 75);
    expect(pair.pack.status.counts.accepted).toBe(pair.module.status.counts.sent);
    // At 0, 2, 6, 14, 30 and 62 s.
    expect(ofKind(pair.packEffects, "session").length).toBeLessThanOrEqual(1 + 6);
    for (const end of ["packEffects", "moduleEffects"] as const) {
      const alarms = alarmsOf(pair, end);
      expect(alarms.length).toBeLessThanOrEqual(10);
      const told = alarms.reduce((sum, { suppressed }) => sum + suppressed + 1, 0);
      expect(told).toBe(forgeries / 2);
    }
  });
});

/**
 * A thousand PDUs of three frames a second for 5 s, half in each direction, and a fifth of that from then on; the
 * true ones come through in between. Returns how many were forged.
 */
function flood(pair: LinkPair, until: number): number {
  let forgeries = 0;
  for (let ms = 0; ms < until; ms += 1) {
    if (ms < 5000 || ms % 10 < 2) {
      forge(pair, ms);
      forgeries += 1;
    }
    if (ms % 200 === 0) pair.sendReading();
    pair.run(0);
    pair.now = (pair.now + 1) as typeof pair.now;
  }
  return forgeries;
}

function forge(pair: LinkPair, n: number): void {
  const [base, from] = n % 2 === 0 ? ([0x633, "module"] as const) : ([0x632, "pack"] as const);
  for (const frame of forged(base, n, 24, n >> 1)) pair.inject(frame, from);
}

describe("handshakes", () => {
  it("of another pack, or another module's, are refused", () => {
    const pair = linked();
    const stranger = DeviceHalf.generate(seededEntropy(31));
    const id = { packHash, uid: UID, slot: SLOT, busId: 0 };
    const wrong = [
      { prologue: prologue(id), half: stranger, peer: moduleHalf.publicKey },
      { prologue: prologue({ ...id, slot: 6 }), half: packHalf, peer: moduleHalf.publicKey },
      { prologue: prologue({ ...id, busId: 1 }), half: packHalf, peer: moduleHalf.publicKey },
      { prologue: prologue(id), half: packHalf, peer: stranger.publicKey },
    ];
    for (const [i, { half, ...kk }] of wrong.entries()) {
      const { publicKey } = half;
      const initiator = new KkInitiator({ ...kk, publicKey, entropy: seededEntropy(40 + i) });
      const message = initiator.writeMessage1(half.dh(kk.peer));
      for (const frame of handshakeFrames(message, "to-module", SLOT, i, false)) {
        pair.inject(frame, "pack");
      }
      pair.run(0);
    }
    expect(alarmsOf(pair, "moduleEffects")).toMatchObject(
      wrong.map(() => ({ kind: "bad-handshake", message: 1, reason: "refused" })),
    );
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
  });

  it("answered by another module than the one paired come to nothing", () => {
    const pair = new LinkPair({ limits: loud });
    const stranger = DeviceHalf.generate(seededEntropy(32));
    const link = new PackLink({
      packHash,
      module: { uid: UID, slot: SLOT, busId: 0, half: stranger.publicKey },
      packHalf: packHalf.publicKey,
      entropy: seededEntropy(33),
      fd: false,
      limits: loud,
    });
    pair.pack = withHalves(link, [packHalf]);
    pair.open().run(20_000);
    expect(pair.pack.status.linked).toBe(false);
    expect(kinds(pair, "moduleEffects")).toEqual(["bad-handshake"]);
    expect(ofKind(pair.packEffects, "lost")).toHaveLength(1);
  });

  it("in progress survive an old message 1, slipped in before the ping", () => {
    const pair = new LinkPair().link().run(2500, 100);
    const old = pair.wire.filter(({ id }) => id >>> 18 === 0x634);
    pair.inject(hello(), "module");
    pair.run(2500, 100);
    // Of a third handshake the ping is held back until the first one's message 1 was answered once more.
    const held: CanFrame[] = [];
    let answered = false;
    pair.channel = (frame, from) => {
      answered ||= from === "module" && frame.id >>> 18 === 0x635 && frame.data.length === 8;
      if (!answered || from === "module" || frame.id >>> 18 !== 0x632) return { delays: [0] };
      held.push(frame);
      return { delays: [] };
    };
    pair.toPack({ kind: "frame", frame: hello(1) });
    pair.run(10);
    const { handshakes } = pair.pack.status.counts;
    expect(held.length).toBeGreaterThanOrEqual(3);
    for (const frame of old) pair.module.handle({ kind: "frame", frame }, pair.now);
    pair.channel = () => ({ delays: [0] });
    for (const frame of held) pair.inject(frame, "pack");
    pair.run(500, 100);
    expect(pair.pack.status).toMatchObject({ phase: "settled" });
    expect(pair.pack.status.counts.handshakes).toBe(handshakes);
    expect(pair.pack.status.handshakeHash).toEqual(pair.module.status.handshakeHash);
  });

  it("have messages 2 of garbage refused, and the true one taken", () => {
    const pair = new LinkPair({ limits: loud });
    pair.channel = (frame, from) => ({
      delays: [from === "module" && frame.id >>> 18 === 0x635 ? 5 : 0],
    });
    pair.open().run(1);
    for (let n = 0; n < 8; n += 1) {
      for (const frame of forged(0x635, n, 64)) pair.toPack({ kind: "frame", frame });
    }
    pair.run(20);
    expect(alarmsOf(pair)).toMatchObject(
      Array(8).fill({ kind: "bad-handshake", message: 2, reason: "refused" }),
    );
    expect(pair.pack.status.linked).toBe(true);
    expect(pair.pack.status.counts.handshakes).toBe(1);
  });
});

describe("what belongs to this link", () => {
  it("is decided by slot and range alone: other frames are not even counted", () => {
    const pair = linked();
    const before = pair.pack.status.counts;
    const data = new Uint8Array(8);
    for (const id of [0x502 * 2 ** 18 + SLOT, 0x633 * 2 ** 18 + slot(6), 0x62f * 2 ** 18 + SLOT]) {
      pair.toPack({ kind: "frame", frame: { id, data, fd: false } });
    }
    expect(pair.pack.status.counts).toEqual(before);
    expect(alarmsOf(pair)).toEqual([]);
  });
});
