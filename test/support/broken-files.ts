/** Files of a log that break one rule of docs/ledger-format.md each: of the section Files. */
import { type AlteredFiles, HONEST, sha, u64 } from "./altered-files.js";
import { RECEIPT } from "./keyed-log.js";

const SIZE = HONEST.length;
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const header = (magic: string, first: bigint) => {
  const start = Buffer.concat([Buffer.from(magic), u64(first, "LE")]);
  return Buffer.concat([start, sha(start).subarray(0, 8)]);
};

function record(
  index: number,
  entry: Uint8Array,
  length = entry.length,
  leaf?: Uint8Array,
): Buffer {
  const check = (Math.imul(length ^ index, 0x9e3779b1) ^ 0x57544c47) >>> 0;
  return Buffer.concat([u32(length), u32(check), entry, leaf ?? sha(Buffer.of(0), entry)]);
}

/** The journal with its last record, and what stands in front of it, made anew. */
function journal(rule: string, what: string, change: (records: Buffer, last: Buffer) => Buffer) {
  return {
    rule,
    what,
    files: (honest: (name: string) => Buffer) => {
      const whole = honest("journal");
      const last = record(SIZE - 1, HONEST[SIZE - 1]!);
      return { journal: change(whole.subarray(0, -last.length), last) };
    },
  };
}

function altered(rule: string, what: string, name: string, change: (file: Buffer) => Uint8Array) {
  return {
    rule,
    what,
    files: (honest: (name: string) => Buffer) => ({ [name]: change(honest(name)) }),
  };
}

function absent(rule: string, name: string): AlteredFiles {
  return { rule, what: `no ${name}`, files: () => ({ [name]: undefined }) };
}

const more = (file: Buffer) => Buffer.concat([file, Buffer.of(0)]);
const flip = (at: number) => (file: Buffer) => file.with(at, (file[at] ?? 0) ^ 1);
const last = HONEST[SIZE - 1]!;

export const BROKEN_FILES: readonly AlteredFiles[] = [
  { rule: "F-0", what: "a copy cut short", files: () => ({ unfinished: "" }) },
  absent("F-1", "journal"),
  altered("F-1", "a header cut short", "journal", (file) => file.subarray(0, 23)),
  altered("F-1", "another magic", "journal", (file) =>
    Buffer.concat([header("wslog 2\n", 512n), file.subarray(24)]),
  ),
  altered("F-1", "a first index between", "journal", (file) =>
    Buffer.concat([header("wslog 1\n", 513n), file.subarray(24)]),
  ),
  altered("F-1", "another header's check", "journal", flip(20)),
  journal("F-2", "a record of another place", (records) =>
    Buffer.concat([records, record(SIZE, last)]),
  ),
  journal("F-2", "a record of 16,385 bytes", (records) =>
    Buffer.concat([records, record(SIZE - 1, new Uint8Array(16_385))]),
  ),
  journal("F-2", "a torn record of 16,385 bytes", (records) =>
    Buffer.concat([records, record(SIZE - 1, last, 16_385)]),
  ),
  journal("F-3", "another leaf hash", (records) =>
    Buffer.concat([records, record(SIZE - 1, last, last.length, sha("other"))]),
  ),
  journal("F-3", "another entry", (records) =>
    Buffer.concat([
      records,
      record(SIZE - 1, last.with(40, 99), last.length, sha(Buffer.of(0), last)),
    ]),
  ),
  absent("F-4", "tile/entries/001"),
  absent("F-4", "tile/0/000"),
  altered("F-4", "a bundle with a byte more", "tile/entries/000", more),
  altered("F-4", "a bundle cut short", "tile/entries/000", (file) => file.subarray(0, -1)),
  altered("F-4", "a tile with a byte more", "tile/0/001", more),
  altered("F-4", "a tile cut short", "tile/0/001", (file) => file.subarray(0, -32)),
  altered("F-5", "an entry that its tile does not have", "tile/entries/001", flip(30)),
  altered("F-5", "a hash that no entry has", "tile/0/001", flip(8_191)),
  absent("F-6", "checkpoint"),
  journal("F-6", "heads beyond the end", (records) => records),
  {
    rule: "K-9",
    what: "what no entry states",
    files: () => ({ [`snapshot.${"0".repeat(15)}9`]: "x" }),
  },
  { rule: "K-9", what: "of no entry", files: () => ({ [`snapshot.${"0".repeat(13)}fff`]: "x" }) },
  { rule: "F-6", what: "another name", files: (honest) => ({ "receipt.X": honest(RECEIPT) }) },
];

const floorOf = (file: Buffer, at: bigint, hashes: Uint8Array) => {
  const content = Buffer.concat([file.subarray(0, 8), u64(at, "LE"), hashes]);
  return Buffer.concat([content, sha(content)]);
};

/** Of the honest log, pruned below its second bundle. */
export const BROKEN_FLOORS: readonly AlteredFiles[] = [
  altered("F-7", "another hash of itself", "floor", flip(20)),
  altered("F-7", "a floor cut short", "floor", (file) => file.subarray(0, 40)),
  altered("F-7", "another magic", "floor", (file) => {
    const content = file.subarray(0, -32).with(7, 0x32);
    return Buffer.concat([content, sha(content)]);
  }),
  altered("F-7", "a floor of 0", "floor", (file) => floorOf(file, 0n, Buffer.alloc(0))),
  altered("F-7", "a floor between", "floor", (file) => floorOf(file, 257n, file.subarray(16, 48))),
  altered("F-7", "a hash too many", "floor", (file) => floorOf(file, 256n, file.subarray(16, 80))),
  altered("F-7", "above the journal", "floor", (file) => floorOf(file, 768n, Buffer.alloc(96))),
  altered("F-8", "a hash that nothing had", "floor", (file) =>
    floorOf(file, 256n, file.subarray(16, 48).with(3, 99)),
  ),
  altered("F-5", "an entry that its tile does not have", "tile/entries/001", flip(30)),
  absent("F-4", "tile/entries/001"),
];

/** What differs from the honest log's files and breaks no rule. */
export const HARMLESS_FILES: readonly AlteredFiles[] = [
  {
    what: "a bundle and tiles beyond",
    files: () => ({ "tile/entries/002": "x", "tile/0/002": "x", "tile/1/000": "x" }),
  },
  {
    what: "a journal of everything",
    files: () => ({
      journal: Buffer.concat([
        header("wslog 1\n", 0n),
        ...HONEST.map((entry, i) => record(i, entry)),
      ]),
    }),
  },
  {
    what: "files of nobody's",
    files: () => ({ pending: "x", receipt: "x", "receipts.1": "x" }),
  },
];
