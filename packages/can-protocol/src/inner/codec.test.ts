import { fromHex, milliwattHours, moduleUid, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeModuleMessage,
  decodePackMessage,
  encodeModuleMessage,
  encodePackMessage,
  INNER_TYPE,
  type ModuleMessage,
  type PackMessage,
} from "../index.js";
import { reading } from "../link/link-pair.fixture.js";

const CLASSES = ["urgent", "normal", "bulk"] as const;
const bytes = (length: number, start: number) => new Uint8Array(length).map((_, i) => start + i);

/** Each message, its type, class and bytes, worked out by hand from the README's table. */
const moduleMessages: readonly [ModuleMessage, number, string, string][] = [
  [
    reading(0x01020304, 0x0506),
    1,
    "normal",
    // status 1, 2, 3; in 123456789, out 98765432101; tick; boot
    "23afc45ef481255b" +
      "740ea60e8d0e255b" +
      "6f1d631f301e0000" +
      "15cd5b070000" +
      "25e5e0fe1600" +
      "04030201" +
      "0605",
  ],
  [
    {
      kind: "cell-detail",
      cell: 3,
      cells: 94,
      temperature: 21.93,
      voltage: 3.7,
      soc: 50,
      soh: 99.5,
    },
    2,
    "normal",
    "035e301e740e64c7",
  ],
  [
    {
      kind: "hardware",
      maxChargeCurrent: 10,
      maxDischargeCurrent: -42,
      endVoltage: 349.995,
      hwVersion: 2,
      fw: 0x1234,
    },
    3,
    "normal",
    "f481cc77255b02003412",
  ],
  [
    { kind: "state-report", tick: 7, state: 3, status: 2, faults: 20, voltage: 349.995 },
    4,
    "urgent",
    "070000002314255b",
  ],
  [
    { kind: "outcome", tick: 7, command: 6, code: 1, class: 0, counter: 0xfedcba98 },
    5,
    "normal",
    "0700000006010098badcfe",
  ],
  [{ kind: "time-request", tick: 9 }, 8, "normal", "09000000"],
  [
    { kind: "log-frame", counter: 258, data: new Uint8Array(1024).fill(0xab) },
    9,
    "bulk",
    `02010000${"ab".repeat(1024)}`,
  ],
  [
    { kind: "capability", version: 1, capabilities: 9, maxRate: 10, maxPdu: 4096 },
    10,
    "normal",
    "01090000000a0010",
  ],
  [
    {
      kind: "counter-statement",
      uid: moduleUid("0102000078563412"),
      boot: 2,
      tick: 3,
      inMwh: milliwattHours(4),
      outMwh: milliwattHours(2 ** 48 - 1),
      mac: bytes(32, 0),
    },
    13,
    "normal",
    `0102000078563412${"0200"}${"03000000"}${"040000000000"}${"ffffffffffff"}${toHex(bytes(32, 0))}`,
  ],
  [{ kind: "ping", tick: 0xffffffff }, 14, "normal", "ffffffff"],
];

const packMessages: readonly [PackMessage, number, string, string][] = [
  [{ kind: "telemetry-request", tick: 1, periodMs: 200 }, 1, "normal", "01000000c800"],
  [{ kind: "cell-detail-request", tick: 1, cell: 93 }, 2, "normal", "010000005d"],
  [{ kind: "hardware-request", tick: 1 }, 3, "normal", "01000000"],
  [
    { kind: "state-change", tick: 1, state: 3, hvBusVoltage: 349.995 },
    4,
    "urgent",
    "0100000003255b",
  ],
  [{ kind: "isolate", tick: 0x04030201, cause: 1 }, 6, "urgent", "0102030401"],
  [{ kind: "heartbeat", tick: 0x04030201, maxState: 3 }, 7, "normal", "0102030403"],
  [
    { kind: "time", tick: 1, utcMs: 1_700_000_000_000, valid: 1 },
    8,
    "normal",
    "010000000068e5cf8b0101",
  ],
  [{ kind: "log-frame-request", tick: 1, counter: 0xffffffff }, 9, "normal", "01000000ffffffff"],
  [{ kind: "capability-request", tick: 1 }, 10, "normal", "01000000"],
  [
    { kind: "key-roll", tick: 1, packHalf: bytes(32, 1) },
    11,
    "normal",
    `01000000${toHex(bytes(32, 1))}`,
  ],
  [{ kind: "erase", tick: 1 }, 12, "normal", "01000000"],
  [{ kind: "counter-statement-request", tick: 1 }, 13, "normal", "01000000"],
  [{ kind: "ping", tick: 5 }, 14, "normal", "05000000"],
];

describe("inner types", () => {
  it.each(moduleMessages)("module: $kind", (message, type, cls, hex) => {
    const pdu = encodeModuleMessage(message);
    expect({ ...pdu, body: toHex(pdu.body) }).toEqual({ type, class: cls, body: hex });
    expect(decodeModuleMessage(pdu.class, type, fromHex(hex))).toEqual(message);
  });

  it.each(packMessages)("pack: $kind", (message, type, cls, hex) => {
    const pdu = encodePackMessage(message);
    expect({ ...pdu, body: toHex(pdu.body) }).toEqual({ type, class: cls, body: hex });
    expect(decodePackMessage(pdu.class, type, fromHex(hex))).toEqual(message);
  });

  it("are fourteen, numbered from 1 in the order of the design", () => {
    expect(Object.values(INNER_TYPE)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
    const used = [...moduleMessages, ...packMessages].map(([, type]) => type);
    expect(new Set(used)).toEqual(new Set(Object.values(INNER_TYPE)));
  });

  it("telemetry has 42 bytes", () => {
    expect(encodeModuleMessage(reading(1)).body).toHaveLength(42);
  });

  it("are refused in another class, length or direction, or when unknown", () => {
    const decodeError = expect.objectContaining({ name: "DecodeError" });
    const all = [
      ...moduleMessages.map(([m]) => [decodeModuleMessage, encodeModuleMessage(m)] as const),
      ...packMessages.map(([m]) => [decodePackMessage, encodePackMessage(m)] as const),
    ];
    for (const [decode, { class: cls, type, body }] of all) {
      for (const other of CLASSES.filter((name) => name !== cls)) {
        expect(() => decode(other, type, body)).toThrow(decodeError);
      }
      expect(() => decode(cls, type, body.subarray(1))).toThrow(decodeError);
      expect(() => decode(cls, type, Uint8Array.of(...body, 0))).toThrow(decodeError);
    }
    expect(() => decodeModuleMessage("urgent", INNER_TYPE.isolate, new Uint8Array(5))).toThrow(
      decodeError,
    );
    expect(() => decodePackMessage("normal", INNER_TYPE.outcome, new Uint8Array(11))).toThrow(
      decodeError,
    );
    for (const type of [0, 15, 255]) {
      expect(() => decodeModuleMessage("normal", type, new Uint8Array(4))).toThrow(decodeError);
      expect(() => decodePackMessage("normal", type, new Uint8Array(4))).toThrow(decodeError);
    }
  });

  it("with a state beyond On, or a half-true flag, are refused", () => {
    for (const [type, cls, hex] of [
      [INNER_TYPE.heartbeat, "normal", "0100000004"],
      [INNER_TYPE.stateChange, "urgent", "01000000040000"],
      [INNER_TYPE.time, "normal", "0100000000000000000002"],
    ] as const) {
      expect(() => decodePackMessage(cls, type, fromHex(hex))).toThrow(/which is no/);
    }
  });

  it("survive random bodies with one error", () => {
    const cases = fc.tuple(
      fc.constantFrom(...CLASSES),
      fc.nat({ max: 16 }),
      fc.uint8Array({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(cases, ([cls, type, body]) => {
        for (const decode of [decodeModuleMessage, decodePackMessage]) {
          try {
            decode(cls, type, body);
          } catch (error) {
            expect(error).toMatchObject({ name: "DecodeError" });
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
