/** What a pack's link gives away of a session: when, and what it is good for. */
import { bytesEqual, concatBytes, micros, slot } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { CanFrame } from "../bus.js";
import { baseOf, isFirst, isLast } from "../secured/identifier.js";
import { RecordedPdus, type SoughtPdu } from "../secured/recorded-pdus.js";
import { SealedAgain } from "../secured/sealed-again.js";
import { recordOf } from "../trace/record.js";
import { LinkPair, ofKind, readingsOf, SLOT } from "./link-pair.fixture.js";

/** Whole PDUs that the module sent in the normal class. */
function sealedBy(wire: readonly CanFrame[]): Uint8Array[] {
  const pdus: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (const { id, data } of wire) {
    if (baseOf(id) !== 0x633) continue;
    if (isFirst(id)) parts = [];
    parts.push(data);
    if (isLast(id)) pdus.push(concatBytes(...parts));
  }
  return pdus;
}

const retired = (pair: LinkPair) => ofKind(pair.packEffects, "retired");

describe.each([false, true])("a session's key (fd: %s)", (fd) => {
  it("stays with the link for as long as PDUs under it are accepted, and is told once when they are not", () => {
    const pair = new LinkPair({ fd, limits: { sessionPdus: 50 } }).link().run(30_000, 100);
    const sessions = ofKind(pair.packEffects, "session").map(({ handshakeHash }) => handshakeHash);
    expect(sessions.length).toBeGreaterThan(3);
    const released = retired(pair).map(({ handshakeHash }) => handshakeHash);
    expect(released).toEqual(sessions.slice(0, released.length));
    expect(released.length).toBeGreaterThanOrEqual(sessions.length - 2);
    for (const [i, effect] of pair.packEffects.entries()) {
      if (effect.kind !== "retired") continue;
      const later = ofKind(pair.packEffects.slice(i), "message");
      expect(
        later.some(({ handshakeHash }) => bytesEqual(handshakeHash, effect.handshakeHash)),
      ).toBe(false);
    }
    pair.toPack({ kind: "close" });
    expect(retired(pair).map(({ handshakeHash }) => handshakeHash)).toEqual(sessions);
  });

  it("gives back every PDU as it was on the wire, and no other", () => {
    const pair = new LinkPair({ fd }).link().run(2_000, 100);
    pair.toPack({ kind: "close" });
    expect(retired(pair)).toHaveLength(1);
    const { receiveKey } = retired(pair)[0]!;
    const again = new SealedAgain(receiveKey, SLOT);
    const kept = readingsOf(pair);
    expect(kept.length).toBeGreaterThan(15);
    const sent = sealedBy(pair.wire).map((pdu) => Buffer.from(pdu).toString("hex"));
    for (const pdu of kept) {
      const sealed = again.pdu(pdu);
      expect(sent).toContain(Buffer.from(sealed!).toString("hex"));
      expect(sealed).toHaveLength(pdu.length);
      for (const other of [
        { counter: pdu.counter + 1 },
        { type: 2 },
        { class: "bulk" as const },
        { length: pdu.length + 8 },
        { length: 20 },
        { body: pdu.body.with(41, pdu.body[41]! ^ 1) },
        { tag: pdu.tag.with(0, pdu.tag[0]! ^ 1) },
      ]) {
        expect(again.pdu({ ...pdu, ...other })).toBeUndefined();
      }
    }
    expect(new SealedAgain(receiveKey.with(3, receiveKey[3]! ^ 1), SLOT).pdu(kept[0]!)).toBe(
      undefined,
    );
  });

  it("finds its PDUs in a recording of the bus, and no others", () => {
    const pair = new LinkPair({ fd }).link().run(2_000, 100);
    pair.toPack({ kind: "close" });
    const again = new SealedAgain(retired(pair)[0]!.receiveKey, SLOT);
    const kept = readingsOf(pair);
    const sealed = kept.map((pdu) => ({ ...pdu, sealed: again.pdu(pdu) }));
    const tagged = kept.map((pdu) => ({ ...pdu, sealed: undefined }));
    const missing = (sought: readonly SoughtPdu[], wire = pair.wire, at = SLOT) => {
      const search = new RecordedPdus(at, sought);
      for (const [i, frame] of wire.entries()) search.take(recordOf(frame, micros(1000 * i), "c"));
      return search.missing;
    };
    expect(missing(sealed)).toBe(0);
    expect(missing(tagged)).toBe(0);
    const [first, second] = [sealed[0]!, sealed[1]!];
    expect(missing([{ ...first, sealed: second.sealed }])).toBe(1);
    expect(missing([{ ...first, length: first.length + 8 }])).toBe(1);
    expect(missing([{ ...first, tag: new Uint8Array(16) }])).toBe(1);
    expect(missing(sealed, pair.wire.slice(0, -20))).toBeGreaterThan(0);
    expect(missing(sealed, pair.wire, slot(6))).toBe(sealed.length);
  });

  it("opens nothing that the pack said, and gets nothing accepted", () => {
    const pair = new LinkPair({ fd }).link().run(2_000, 100);
    const wire = [...pair.wire];
    pair.toPack({ kind: "bus", state: "bus-off" });
    expect(retired(pair)).toHaveLength(1);
    pair.toPack({ kind: "bus", state: "active" });
    pair.run(3_000, 100);
    expect(pair.pack.status.linked).toBe(true);
    const { accepted } = pair.pack.status.counts;
    for (const frame of wire) if (baseOf(frame.id) === 0x633) pair.toPack({ kind: "frame", frame });
    expect(pair.pack.status.counts.accepted).toBe(accepted);
  });
});

describe("keys that were never in use", () => {
  it("are wiped untold", () => {
    const pair = new LinkPair();
    pair.channel = (_frame, from) => ({ delays: from === "pack" ? [0] : [] });
    pair.open().run(20_000);
    pair.toPack({ kind: "close" });
    expect(retired(pair)).toEqual([]);
  });
});
