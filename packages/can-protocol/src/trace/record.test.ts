import { micros } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { BusError, BusState } from "../bus.js";
import { errorContent, meaningOf, stateContent } from "./error-frame.js";
import { frameOf, recordOf } from "./record.js";
import { ONE_OF_EACH } from "./trace.fixture.js";

describe("records and our bus", () => {
  it("every frame of ours is a record, and comes back", () => {
    for (const fd of [false, true]) {
      const frame = { id: 0x1234_5678, data: Uint8Array.of(1, 2), fd };
      const record = recordOf(frame, micros(5), "vcan0", "tx");
      expect(record).toMatchObject({ time: 5, channel: "vcan0", direction: "tx", extended: true });
      expect(frameOf(record)).toEqual(frame);
    }
  });

  it("says of every other record why our bus cannot carry it", () => {
    expect(ONE_OF_EACH.map((record) => frameOf(record))).toMatchObject([
      "standard identifier",
      "standard identifier",
      { id: 0x12 },
      { id: 0x1f_ff_ff_ff },
      "remote frame",
      "remote frame",
      "remote frame",
      "standard identifier",
      { fd: true },
      { fd: true },
      "error frame",
    ]);
    const slow = { ...recordOf({ id: 7, data: new Uint8Array(), fd: true }, micros(5), "can0") };
    expect(slow.kind === "fd" && frameOf({ ...slow, flags: 0 })).toBe("no bit-rate switch");
  });
});

describe("error frames", () => {
  it("carry what a CanBus reports, in the classes of linux/can/error.h", () => {
    const kinds = ["bit", "stuff", "form", "crc", "ack", "other"] as const;
    for (const kind of kinds) {
      const error: BusError = { kind, transmitting: true };
      expect(meaningOf(errorContent(error))).toEqual({ error, state: undefined });
    }
    expect(errorContent({ kind: "stuff", transmitting: false })).toEqual({
      classes: 0x88,
      data: Uint8Array.of(0, 0, 4, 0, 0, 0, 0, 0),
    });
    const states: BusState[] = ["active", "warning", "passive", "bus-off"];
    for (const state of states) {
      expect(meaningOf(stateContent(state))).toEqual({ error: undefined, state });
    }
    const restarted = { classes: 0x1_00, data: new Uint8Array() };
    expect(meaningOf(restarted)).toEqual({ error: undefined, state: "active" });
  });
});
