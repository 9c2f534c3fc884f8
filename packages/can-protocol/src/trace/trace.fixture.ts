import { micros, utf8 } from "@wattseal/base";
import type { TraceReader, TraceWriter } from "./codec.js";
import { type TraceFormat, traceReader, traceWriter } from "./formats.js";
import type { TraceRecord } from "./record.js";

/** What a reader makes of bytes that come in pieces of `size`. */
export function readAll(
  reader: TraceReader,
  bytes: Uint8Array,
  size = bytes.length,
): TraceRecord[] {
  const records: TraceRecord[] = [];
  const take = (record: TraceRecord) => {
    records.push(record);
  };
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size), take);
  reader.end(take);
  return records;
}

export function readText(format: TraceFormat, text: string) {
  const reader = traceReader(format);
  const records = readAll(reader, utf8(text));
  return { records, problems: reader.problems };
}

export function write(
  records: readonly TraceRecord[],
  format: TraceFormat,
  writer: TraceWriter = traceWriter(format),
): Uint8Array {
  const parts = [writer.begin(), ...records.map((record) => writer.encode(record))];
  return Buffer.concat(parts.filter((part) => part !== undefined));
}

const START = 1_436_509_052_000_000;
const common = { channel: "can0", direction: undefined } as const;
const at = (offset: number) => ({ ...common, time: micros(START + offset) });
const bytes = (...values: number[]) => Uint8Array.from(values);

/** One record of every kind and corner. */
export const ONE_OF_EACH: readonly TraceRecord[] = [
  { ...at(249_713), kind: "classic", id: 0x123, extended: false, dlc: 2, data: bytes(0x11, 0xab) },
  { ...at(249_714), kind: "classic", id: 0, extended: false, dlc: 0, data: bytes() },
  { ...at(300_000), kind: "classic", id: 0x12, extended: true, dlc: 1, data: bytes(0xff) },
  {
    ...at(300_001),
    kind: "classic",
    id: 0x1f_ff_ff_ff,
    extended: true,
    dlc: 11,
    data: bytes(1, 2, 3, 4, 5, 6, 7, 8),
  },
  { ...at(999_999), kind: "remote", id: 0x7_ff, extended: false, dlc: 0 },
  { ...at(1_000_000), kind: "remote", id: 0x18_ff_12_34, extended: true, dlc: 4 },
  { ...at(1_000_001), kind: "remote", id: 0x18_ff_12_34, extended: true, dlc: 9 },
  { ...at(1_500_000), kind: "fd", id: 0x1_23, extended: false, flags: 0, data: bytes() },
  {
    ...at(1_500_001),
    kind: "fd",
    id: 0x12_34_56_78,
    extended: true,
    flags: 3,
    data: Uint8Array.from({ length: 64 }, (_, i) => i * 3),
  },
  { ...at(1_600_000), kind: "fd", id: 7, extended: true, flags: 1, data: new Uint8Array(12) },
  { ...at(1_700_000), kind: "error", classes: 0x80, data: new Uint8Array(8) },
];
