/** Event logs built by hand after TCG PC Client Platform Firmware Profile 1.05 §10.2: little-endian, crypto agile. */
import { createHash } from "node:crypto";
import { concatBytes, utf8 } from "@wattseal/base";
import { ALG } from "../wire/constants.js";

export interface MeasuredEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array;
  /** What was measured; the event's data by default. Events that extend nothing carry zeros. */
  readonly digests?: { readonly sha1: Uint8Array; readonly sha256: Uint8Array };
}

const little = (value: number, width: number) =>
  Uint8Array.from({ length: width }, (_, i) => (value / 2 ** (8 * i)) & 0xff);
const u16 = (value: number) => little(value, 2);
const u32 = (value: number) => little(value, 4);

/** TCG_EfiSpecIDEvent inside a TCG_PCClientPCREvent. */
function header(): Uint8Array {
  const spec = concatBytes(
    utf8("Spec ID Event03\0"),
    u32(0), // platformClass: client
    Uint8Array.of(0, 2, 0, 2), // version 2.0, errata 0, uintn of 64 bits
    u32(2),
    u16(ALG.sha1),
    u16(20),
    u16(ALG.sha256),
    u16(32),
    Uint8Array.of(0), // no vendor information
  );
  return concatBytes(u32(0), u32(3), new Uint8Array(20), u32(spec.length), spec);
}

const hash = (name: string, data: Uint8Array) =>
  new Uint8Array(createHash(name).update(data).digest());

function event({ pcr, type, data, digests }: MeasuredEvent): Uint8Array {
  const { sha1, sha256 } = digests ?? { sha1: hash("sha1", data), sha256: hash("sha256", data) };
  const both = concatBytes(u32(2), u16(ALG.sha1), sha1, u16(ALG.sha256), sha256);
  return concatBytes(u32(pcr), u32(type), both, u32(data.length), data);
}

export function eventLogOf(events: readonly MeasuredEvent[]): Uint8Array {
  return concatBytes(header(), ...events.map(event));
}
