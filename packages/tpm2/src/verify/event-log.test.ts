import { createHash } from "node:crypto";
import { concatBytes, DecodeError, toHex, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { eventLogOf } from "./event-log.fixture.js";
import { parseEventLog, replayEvents } from "./event-log.js";

const sha256 = (...parts: readonly Uint8Array[]) =>
  new Uint8Array(
    createHash("sha256")
      .update(concatBytes(...parts))
      .digest(),
  );
const NOTHING_MEASURED = { sha1: new Uint8Array(20), sha256: new Uint8Array(32) };
const locality = (number: number) => ({
  pcr: 0,
  type: 3,
  data: concatBytes(utf8("StartupLocality\0"), Uint8Array.of(number)),
  digests: NOTHING_MEASURED,
});
const firmware = { pcr: 0, type: 8, data: utf8("firmware 1.0") };

describe("an event log", () => {
  it("gives what was measured, in its order", () => {
    const events = parseEventLog(
      eventLogOf([firmware, { pcr: 7, type: 4, data: new Uint8Array(4) }]),
    );
    expect(events).toEqual([
      { ...firmware, sha256: sha256(firmware.data) },
      { pcr: 7, type: 4, data: new Uint8Array(4), sha256: sha256(new Uint8Array(4)) },
    ]);
  });

  it("begins PCR 0 with the locality that started the machine", () => {
    const start = new Uint8Array(32).with(31, 3);
    const replayed = replayEvents(parseEventLog(eventLogOf([locality(3), firmware])));
    expect(toHex(replayed.get(0) ?? NOTHING_MEASURED.sha1)).toBe(
      toHex(sha256(start, sha256(firmware.data))),
    );
  });

  it("does not extend what only informs", () => {
    const told = { pcr: 5, type: 3, data: utf8("for your information"), digests: NOTHING_MEASURED };
    expect(replayEvents(parseEventLog(eventLogOf([told])))).toEqual(new Map());
  });

  it("is refused where it is cut short, or in the format of TPM 1.2", () => {
    const log = eventLogOf([firmware]);
    for (let length = 0; length < log.length; length += 1) {
      const cut = () => parseEventLog(log.subarray(0, length));
      // Between two events a log may end: nothing in it says how many there are.
      if (length === eventLogOf([]).length) cut();
      else expect(cut).toThrow(DecodeError);
    }
    expect(() => parseEventLog(log.with(32, 0x58))).toThrow("crypto agile");
  });

  it("is refused where SHA-256 is said to be shorter than it is", () => {
    const log = eventLogOf([]);
    // The last of the banks: algorithm, digest size, then the vendor's zero bytes.
    expect(() => parseEventLog(log.with(log.length - 3, 20))).toThrow("20 bytes of digest");
  });
});
