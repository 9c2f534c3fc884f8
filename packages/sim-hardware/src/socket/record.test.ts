import { DecodeError, fromHex, micros, millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BusRecord,
  decodeRecord,
  encodeRecord,
  RECORD_BYTES,
  RecordStream,
} from "./record.js";

const time = micros(1_750_000_000_123_456);
/** 1750000000123456000 ns, little-endian. */
const TIME = "00ca4a6cba3f4918";
const padded = (head: string) => head.padEnd(144, "0") + TIME;

const VECTORS: readonly (readonly [string, BusRecord, string])[] = [
  [
    "classic frame",
    {
      kind: "frame",
      frame: { id: 0x14_08_00_05, data: fromHex("23afc45e0080255b"), fd: false },
      sent: false,
      time,
    },
    padded("0500089408000000" + "23afc45e0080255b"),
  ],
  [
    "echo of an FD frame with bit-rate switch",
    {
      kind: "frame",
      frame: { id: 0x1f_ff_ff_ff, data: new Uint8Array(12).fill(0xaa), fd: true },
      sent: true,
      time,
    },
    padded(`ffffff9f0c850000${"aa".repeat(12)}`),
  ],
  [
    "bus info",
    { kind: "info", bus: { nominalBitRate: 500_000, dataBitRate: 2_000_000 }, mailboxes: 8, time },
    padded("0000002010000000" + "0101080000000000" + "20a1070080841e00"),
  ],
  ["grant", { kind: "grant", time }, padded("0000002010000000" + "02")],
  [
    "acknowledgement with a deadline of 1 s after 1970",
    { kind: "acknowledge", deadline: millis(1000), time },
    padded("0000002010000000" + "0300000000000000" + "00ca9a3b00000000"),
  ],
  [
    "acknowledgement without a deadline",
    { kind: "acknowledge", deadline: undefined, time },
    padded("0000002010000000" + "03"),
  ],
  // linux/can/error.h: CAN_ERR_FLAG | CAN_ERR_PROT | CAN_ERR_BUSERROR; CAN_ERR_PROT_BIT | CAN_ERR_PROT_TX.
  [
    "bit error in the client's own frame",
    { kind: "error", error: { kind: "bit", transmitting: true }, time },
    padded("8800002008000000" + "0000810000000000"),
  ],
  [
    "checksum error in another's frame, at CAN_ERR_PROT_LOC_CRC_SEQ",
    { kind: "error", error: { kind: "crc", transmitting: false }, time },
    padded("8800002008000000" + "0000000800000000"),
  ],
  [
    "frame that nobody acknowledged: CAN_ERR_ACK, at CAN_ERR_PROT_LOC_ACK",
    { kind: "error", error: { kind: "ack", transmitting: true }, time },
    padded("a800002008000000" + "0000801900000000"),
  ],
  // CAN_ERR_CRTL | CAN_ERR_CNT, data[6] and [7] the counters.
  [
    "controller that is error passive as a sender: CAN_ERR_CRTL_TX_PASSIVE",
    { kind: "state", state: "passive", transmitErrors: 128, receiveErrors: 3, time },
    padded("0402002008000000" + "0020000000008003"),
  ],
  [
    "controller that warns both ways: CAN_ERR_CRTL_TX_WARNING | CAN_ERR_CRTL_RX_WARNING",
    { kind: "state", state: "warning", transmitErrors: 96, receiveErrors: 127, time },
    padded("0402002008000000" + "000c00000000607f"),
  ],
  [
    "controller that is error active again: CAN_ERR_CRTL_ACTIVE",
    { kind: "state", state: "active", transmitErrors: 0, receiveErrors: 95, time },
    padded("0402002008000000" + "004000000000005f"),
  ],
  [
    "controller in bus-off: CAN_ERR_BUSOFF",
    { kind: "state", state: "bus-off", transmitErrors: 255, receiveErrors: 0, time },
    padded("4002002008000000" + "000000000000ff00"),
  ],
  ["closing", { kind: "closing", reason: "gone", time }, padded("000000200500000004676f6e65")],
];

describe("bus records", () => {
  it.each(VECTORS)("are a canfd_frame and a time: %s", (_name, record, hex) => {
    expect(Buffer.from(encodeRecord(record)).toString("hex")).toBe(hex);
    expect(decodeRecord(fromHex(hex))).toEqual(record);
  });

  it.each([
    ["11-bit identifier", "05000000080000"],
    ["remote frame", "050008d4080000"],
    ["error class that is not made here", "0100002008000000"],
    ["state without its counters", "0400002008000000"],
    ["state that its counters do not put a controller in", "04020020080000000020000000007f03"],
    ["state that is better than its counters", "0402002008000000004000000000008000"],
    ["error record of 7 bytes", "88000020070000000000810000"],
    ["error record with flags", "88000020080400000000810000000000"],
    ["error with an unknown detail", "88000020080000000000910000000000"],
    ["9 bytes in a classic frame", "0500089409000000"],
    ["FD frame without bit-rate switch", "0500089408040000"],
    ["FD frame of 9 bytes", "0500089409050000"],
    ["reserved byte", "0500089408000100"],
    ["unknown flag", "0500089408080000"],
    ["data beyond the length", "050008940000000001"],
    ["length above 64", "0500089441000000"],
    ["unknown control kind", "000000201000000007"],
    ["control with flags", "000000201004000002"],
    ["grant with details", "0000002010000000020001"],
    ["info of another version", "00000020100000000102080000000000" + "20a10700"],
    ["info without a bit rate", "00000020100000000101080000000000"],
  ])("refuse a %s", (_name, head) => {
    expect(() => decodeRecord(fromHex(padded(head)))).toThrow(DecodeError);
  });

  it("refuse a time that no double holds", () => {
    const bytes = encodeRecord({ kind: "grant", time });
    bytes.fill(0xff, 72);
    expect(() => decodeRecord(bytes)).toThrow(DecodeError);
  });

  it("survive any bytes: a record that encodes to the same bytes, or one DecodeError", () => {
    const valid = fc.constantFrom(...VECTORS.map(([, , hex]) => fromHex(hex)));
    const flipped = fc
      .tuple(valid, fc.array(fc.nat(8 * RECORD_BYTES - 1), { minLength: 1, maxLength: 3 }))
      .map(([bytes, bits]) => {
        const copy = bytes.slice();
        for (const bit of bits) copy[bit >> 3]! ^= 1 << (bit & 7);
        return copy;
      });
    const random = fc.uint8Array({ minLength: RECORD_BYTES, maxLength: RECORD_BYTES });
    fc.assert(
      fc.property(fc.oneof(flipped, random), (bytes) => {
        try {
          const again = decodeRecord(encodeRecord(decodeRecord(bytes)));
          expect(again).toEqual(decodeRecord(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("come out of a stream whole, wherever it is cut", () => {
    const records = VECTORS.map(([, record]) => record);
    const bytes = Buffer.concat(records.map((record) => encodeRecord(record)));
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const stream = new RecordStream();
        const got: BusRecord[] = [];
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let i = 1; i < edges.length; i += 1) {
          stream.push(bytes.subarray(edges[i - 1], edges[i]), (record) => void got.push(record));
        }
        expect(got).toEqual(records);
      }),
    );
  });
});
