import { type Millis, millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import {
  LinkPair,
  moduleHalf,
  ofKind,
  packHalf,
  packHash,
  SLOT,
  seededEntropy,
  T0,
  UID,
} from "./link-pair.fixture.js";
import { ModuleLink } from "./module-link.js";
import { PackLink } from "./pack-link.js";
import type { DhRequest, PackLinkEffect, PackLinkEvent } from "./types.js";

/** A pack's end whose half is far away, beside a module's: nothing is answered unless the test answers it. */
function apart() {
  let now: Millis = millis(T0);
  const pack = new PackLink({
    packHash,
    module: { uid: UID, slot: SLOT, busId: 0, half: moduleHalf.publicKey },
    packHalf: packHalf.publicKey,
    entropy: seededEntropy(41),
    fd: false,
    limits: { alarmSpacingMs: 0 },
  });
  const module = new ModuleLink({
    uid: UID,
    pairing: { packHash, packHalf: packHalf.publicKey, slot: SLOT, busId: 0, fed: packHash },
    custody: moduleHalf,
    entropy: seededEntropy(42),
    fd: false,
    bootedAt: now,
    capabilities: 0,
  });
  module.handle({ kind: "open" }, now);
  const told: PackLinkEffect[] = [];
  const handle = (event: PackLinkEvent) => {
    const effects = pack.handle(event, now);
    told.push(...effects);
    return effects;
  };
  const framesOf = (effects: readonly { readonly kind: string }[]) =>
    ofKind(effects as readonly PackLinkEffect[], "transmit").flatMap(({ frames }) => frames);
  const toModule = (frames: readonly CanFrame[]) =>
    framesOf(frames.flatMap((frame) => module.handle({ kind: "frame", frame }, now)));
  const toPack = (frames: readonly CanFrame[]) =>
    frames.flatMap((frame) => handle({ kind: "frame", frame }));
  const asked = () => ofKind(told, "dh");
  const answer = ({ id, half, peer }: DhRequest) => {
    expect(half).toEqual(packHalf.publicKey);
    return handle({ kind: "dh", id, shared: packHalf.dh(peer) });
  };
  const pass = (ms: number) => {
    now = millis(now + ms);
    return handle({ kind: "timer" });
  };
  return { pack, told, handle, toModule, toPack, asked, answer, pass, framesOf };
}

/** Message 2 as a stranger makes it: of the present attempt, and random. */
function forgedMessage2(seed: number, attempt = 0): CanFrame[] {
  const bytes = seededEntropy(seed).bytes(64);
  return Array.from({ length: 8 }, (_, i) => ({
    id:
      0x635 * 2 ** 18 +
      (i === 0 ? 2 ** 17 : 0) +
      (i === 7 ? 2 ** 16 : 0) +
      i * 2 ** 12 +
      attempt * 2 ** 8 +
      SLOT,
    data: bytes.slice(8 * i, 8 * i + 8),
    fd: false,
  }));
}

function offered() {
  const link = apart();
  link.handle({ kind: "open" });
  const message1 = link.framesOf(link.answer(link.asked()[0]!));
  return { ...link, message2: link.toModule(message1) };
}

describe("a pack's half that takes its time", () => {
  it("is asked for ss before message 1 leaves, and for se once message 2 is there", () => {
    const { pack, handle, asked, answer, toModule, toPack, framesOf } = apart();
    expect(framesOf(handle({ kind: "open" }))).toEqual([]);
    expect(pack.status.phase).toBe("agreeing");
    expect(asked()).toMatchObject([{ peer: moduleHalf.publicKey }]);
    const message1 = framesOf(answer(asked()[0]!));
    expect(message1).toHaveLength(6);
    expect(toPack(toModule(message1))).toMatchObject([{ kind: "dh" }]);
    expect(pack.status.phase).toBe("checking");
    const ping = framesOf(answer(asked()[1]!));
    toPack(toModule(ping));
    expect(pack.status).toMatchObject({ phase: "settled", linked: true });
    expect(asked()).toHaveLength(2);
  });

  it("that is away is asked again with back-off, and told of once", () => {
    const { pack, handle, asked, pass, told, answer } = apart();
    handle({ kind: "open" });
    for (let second = 0; second < 120; second += 1) {
      const { phase } = pack.status;
      if (phase === "agreeing") handle({ kind: "dh", id: asked().at(-1)!.id, shared: undefined });
      pass(1000);
    }
    expect(asked().length).toBeGreaterThan(4);
    expect(asked().length).toBeLessThan(12);
    expect(ofKind(told, "down")).toEqual([{ kind: "down", reason: "custody" }]);
    expect(ofKind(told, "transmit")).toEqual([]);
    while (pack.status.phase !== "agreeing") pass(1000);
    expect(ofKind(answer(asked().at(-1)!), "transmit")).toHaveLength(1);
  });

  it("that never answers is given up at its deadline", () => {
    const { pack, handle, pass, told } = apart();
    handle({ kind: "open" });
    pass(2999);
    expect(pack.status.phase).toBe("agreeing");
    pass(1);
    expect(pack.status.phase).toBe("waiting");
    expect(ofKind(told, "down")).toEqual([{ kind: "down", reason: "custody" }]);
  });

  it("whose answer comes after its attempt changes nothing, and the answer is wiped", () => {
    const { pack, handle, asked, told } = apart();
    handle({ kind: "open" });
    const [late] = asked();
    handle({ kind: "close" });
    handle({ kind: "open" });
    const count = told.length;
    const shared = packHalf.dh(late!.peer);
    expect(handle({ kind: "dh", id: late!.id, shared })).toEqual([]);
    expect(shared).toEqual(new Uint8Array(32));
    expect(told).toHaveLength(count);
    expect(pack.status.linked).toBe(false);
  });

  it("has its answers wiped once they are mixed in", () => {
    const { handle, asked } = apart();
    handle({ kind: "open" });
    const { id, peer } = asked()[0]!;
    const shared = packHalf.dh(peer);
    handle({ kind: "dh", id, shared });
    expect(shared).toEqual(new Uint8Array(32));
  });

  it("away while message 2 is checked costs the attempt, not the link", () => {
    const { pack, handle, asked, message2, toPack, pass } = offered();
    toPack(message2);
    handle({ kind: "dh", id: asked()[1]!.id, shared: undefined });
    expect(pack.status.phase).toBe("waiting");
    for (let second = 0; second < 60 && pack.status.phase !== "agreeing"; second += 1) pass(1000);
    expect(pack.status.phase).toBe("agreeing");
  });

  it("is not asked twice for a message 2 that comes twice", () => {
    const { pack, asked, answer, message2, toPack } = offered();
    toPack(message2);
    toPack(message2);
    expect(asked()).toHaveLength(2);
    expect(pack.status.counts.duplicates).toBeGreaterThan(0);
    answer(asked()[1]!);
    expect(pack.status.phase).toBe("proving");
    expect(asked()).toHaveLength(2);
  });

  it("is asked of one message 2 at a time, and the true one is taken behind forged ones", () => {
    const { pack, asked, answer, message2, toPack, told } = offered();
    for (let n = 0; n < 5; n += 1) toPack(forgedMessage2(100 + n));
    toPack(message2);
    expect(asked()).toHaveLength(2);
    for (let n = 1; n <= 6; n += 1) answer(asked()[n]!);
    expect(pack.status.phase).toBe("proving");
    expect(ofKind(told, "alarm")).toHaveLength(5);
  });

  it("is never asked for what fails at first sight: length, counter bits, a half that gives no secret", () => {
    const { asked, toPack, told } = offered();
    const short = forgedMessage2(1).slice(0, 6);
    short[5] = { ...short[5]!, id: short[5]!.id + 2 ** 16 };
    toPack(short);
    toPack(forgedMessage2(2, 3));
    toPack(forgedMessage2(3).map((frame) => ({ ...frame, data: new Uint8Array(8) })));
    expect(asked()).toHaveLength(1);
    expect(ofKind(told, "alarm").map(({ alarm }) => "reason" in alarm && alarm.reason)).toEqual([
      "length",
      "unexpected",
      "refused",
    ]);
  });

  it("is kept from a flood: what waits behind it is bounded, and gone with its attempt", () => {
    const { pack, asked, answer, toPack, told, pass } = offered();
    const flood = (seed: number) => {
      for (let n = 0; n < 250; n += 1) toPack(forgedMessage2(seed + n));
    };
    flood(1000);
    pass(900);
    flood(2000);
    expect(asked()).toHaveLength(2);
    const refused = ofKind(told, "alarm").map(({ alarm }) => "reason" in alarm && alarm.reason);
    expect(new Set(refused)).toEqual(new Set(["too-many"]));
    expect(refused.length).toBeGreaterThanOrEqual(500 - 1 - 16);
    for (let n = 1; n < asked().length; n += 1) answer(asked()[n]!);
    expect(asked().length).toBeLessThanOrEqual(2 + 16);
    expect(pack.status.phase).toBe("offered");
    flood(3000);
    answer(asked().at(-1)!);
    const before = asked().length;
    pass(2000);
    answer(asked().at(-1)!);
    expect(pack.status.phase).toBe("waiting");
    expect(asked()).toHaveLength(before);
  });

  it("keeps a session alive that it cannot renew", () => {
    const pair = new LinkPair().link().run(1000, 100);
    const { handshakes } = pair.pack.status.counts;
    pair.halves.length = 0;
    pair.toPack({ kind: "frame", frame: hello() });
    pair.run(30_000, 100);
    expect(pair.pack.status.linked).toBe(true);
    expect(ofKind(pair.packEffects, "down")).toEqual([]);
    expect(pair.pack.status.counts.handshakes).toBe(handshakes);
    pair.halves.push(packHalf);
    pair.run(60_000, 100);
    expect(pair.pack.status.counts.handshakes).toBe(handshakes + 1);
  });
});

const hello = (): CanFrame => ({
  id: 0x635 * 2 ** 18 + 2 ** 17 + 2 ** 16 + SLOT,
  data: Uint8Array.from(UID.match(/../g)!, (byte) => Number.parseInt(byte, 16)),
  fd: false,
});
