/** Files of a log that break one rule of docs/ledger-format.md each: of the sections Files, Notes and Heads. */
import { createHash } from "node:crypto";

import { KeyedLog, RECEIPT, rootOf, signersOf, typeOf } from "./keyed-log.js";

type Files = Readonly<Record<string, Uint8Array | string | undefined>>;

interface AlteredFiles {
  /** Undefined: nothing is broken. */
  readonly rule?: string;
  readonly what: string;
  /** What to write over the files of the honest log; undefined: delete. */
  readonly files: (honest: (name: string) => Buffer) => Files;
}

/** Two bundles, a journal, and two epochs. */
export const HONEST: readonly Uint8Array[] = (() => {
  const log = new KeyedLog();
  const fill = () => {
    for (let i = 0; i < 300; i += 1) log.put("ops.config", ["filler", new Uint8Array(32)]);
  };
  fill();
  log.end();
  log.begin();
  fill();
  return log.entries;
})();
const SIZE = HONEST.length;
const ROOT = rootOf(HONEST);
const SECOND_EPOCH = HONEST.findLastIndex((entry) => typeOf(entry) === "epoch.begin");
const SIGNERS = signersOf(HONEST);
const ORIGIN = SIGNERS.log.name;

type Signer = typeof SIGNERS.log;

const sha = (...parts: readonly (Uint8Array | string)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const u64 = (value: bigint, order: "LE" | "BE") => {
  const bytes = Buffer.alloc(8);
  if (order === "LE") bytes.writeBigUInt64LE(value);
  else bytes.writeBigUInt64BE(value);
  return bytes;
};

function line({ name, publicKey }: Signer, type: number, signature: Uint8Array): string {
  const keyId = sha(name, "\n", Buffer.of(type), publicKey).subarray(0, 4);
  return `— ${name} ${base64(Buffer.concat([keyId, signature]))}\n`;
}

type Change = (signature: Buffer) => Uint8Array;
const as: Change = (signature) => signature;

function logLine(text: string, change = as, signer = SIGNERS.log): string {
  return line(signer, 1, change(Buffer.from(signer.sign(Buffer.from(text)))));
}

function witnessLine(text: string, change = as, seconds = 1_760_000_040n): string {
  const message = `cosignature/v1\ntime ${seconds}\n${text}`;
  const signature = Buffer.from(SIGNERS.witness.sign(Buffer.from(message)));
  return line(SIGNERS.witness, 4, Buffer.concat([u64(seconds, "BE"), change(signature)]));
}

const textOf = (size: number | string, root: Uint8Array, origin = ORIGIN) =>
  `${origin}\n${size}\n${base64(root)}\n`;
const TEXT = textOf(SIZE, ROOT);
const STRANGER = `— stranger ${base64(Buffer.alloc(68, 1))}\n`;
const noteOf = (text: string, ...lines: readonly string[]) => `${text}\n${lines.join("")}`;
const receiptOf = (text: string) => noteOf(text, logLine(text), witnessLine(text));

function head(rule: string, what: string, receipt: string | Uint8Array): AlteredFiles {
  return { rule, what, files: () => ({ [RECEIPT]: receipt }) };
}

/** A line more, of a signer nobody asks for. */
function lineMore(what: string, more: string): AlteredFiles {
  return head("N-1", what, receiptOf(TEXT) + more);
}

/** S and the group order: as good a signature, but not the one of RFC 8032 (§5.1.7). */
const beyondOrder: Change = (signature) => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`) + order;
  const bytes = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
  return Buffer.concat([signature.subarray(0, 32), bytes]);
};
const flipped: Change = (signature) => signature.with(40, (signature[40] ?? 0) ^ 1);
const longer: Change = (signature) => Buffer.concat([signature, Buffer.of(0)]);

const heads: readonly AlteredFiles[] = [
  head("N-1", "no line end", receiptOf(TEXT).slice(0, -1)),
  head("N-1", "carriage returns", receiptOf(TEXT).replaceAll("\n", "\r\n")),
  head("N-1", "not UTF-8", Buffer.concat([Buffer.from(receiptOf(TEXT)), Buffer.of(0xff, 10)])),
  head("N-1", "no signatures", `${TEXT}\n`),
  head("N-1", "no empty line", TEXT + logLine(TEXT) + witnessLine(TEXT)),
  lineMore("33 lines", STRANGER.repeat(31)),
  lineMore("262,145 characters", `— stranger ${"A".repeat(262_144)}\n`),
  lineMore("a hyphen for a dash", STRANGER.replace("—", "-")),
  lineMore("a plus in a name", STRANGER.replace("stranger", "str+nger")),
  lineMore("a no-break space in a name", STRANGER.replace("stranger", "str\u00a0nger")),
  lineMore("a byte order mark in a name", STRANGER.replace("stranger", "str\ufeffnger")),
  lineMore("a control character in a name", STRANGER.replace("stranger", "str\u0085nger")),
  lineMore("no name", STRANGER.replace("stranger", "")),
  lineMore("two spaces", STRANGER.replace("stranger ", "stranger  ")),
  lineMore("a space at the end", STRANGER.replace("\n", " \n")),
  lineMore("base64 without padding", STRANGER.replace("=", "")),
  lineMore("base64 with unused bits", STRANGER.replace("AQE=", "AQF=")),
  lineMore("base64 for URLs", `— stranger ${base64(Buffer.alloc(69, 255)).replaceAll("/", "_")}\n`),
  lineMore("a key id alone", `— stranger ${base64(Buffer.alloc(4))}\n`),
  head("N-2", "not of the log", noteOf(TEXT, witnessLine(TEXT))),
  head("N-2", "twice of the log", receiptOf(TEXT) + logLine(TEXT)),
  head("N-2", "twice of the witness", receiptOf(TEXT) + witnessLine(TEXT)),
  head("N-3", "four lines", receiptOf(`${TEXT}more\n`)),
  head("N-3", "two lines", receiptOf(TEXT.split("\n").slice(0, 2).join("\n").concat("\n"))),
  head("N-3", "a size with a zero before", receiptOf(textOf(`0${SIZE}`, ROOT))),
  head("N-3", "a size with a sign", receiptOf(textOf(`+${SIZE}`, ROOT))),
  head("N-3", "a size of 2^53", receiptOf(textOf(`${2 ** 53}`, ROOT))),
  head("N-3", "a root of 31 bytes", receiptOf(textOf(SIZE, ROOT.subarray(1)))),
  head("N-3", "no origin", receiptOf(textOf(SIZE, ROOT, ""))),
  head("N-4", "another origin", receiptOf(textOf(SIZE, ROOT, "wattseal/another"))),
  head("N-4", "a flipped bit", noteOf(TEXT, logLine(TEXT, flipped), witnessLine(TEXT))),
  head("N-4", "a byte more", noteOf(TEXT, logLine(TEXT, longer), witnessLine(TEXT))),
  head("N-4", "S beyond the order", noteOf(TEXT, logLine(TEXT, beyondOrder), witnessLine(TEXT))),
  head("N-5", "a flipped bit", noteOf(TEXT, logLine(TEXT), witnessLine(TEXT, flipped))),
  head("N-5", "a byte more", noteOf(TEXT, logLine(TEXT), witnessLine(TEXT, longer))),
  head("N-5", "S beyond the order", noteOf(TEXT, logLine(TEXT), witnessLine(TEXT, beyondOrder))),
  head("N-5", "in 2^53 s", noteOf(TEXT, logLine(TEXT), witnessLine(TEXT, as, 2n ** 53n))),
  head("H-1", "another root", receiptOf(textOf(SIZE, rootOf(HONEST.slice(1))))),
  head("H-1", "of entry 0 alone", receiptOf(textOf(1, rootOf(HONEST.slice(0, 1))))),
  head("H-1", "of nothing", receiptOf(textOf(0, sha()))),
  head(
    "N-2",
    "by a later epoch's key",
    receiptOf(textOf(SECOND_EPOCH, rootOf(HONEST.slice(0, SECOND_EPOCH)))),
  ),
  head(
    "N-2",
    "by an earlier epoch's key",
    noteOf(
      TEXT,
      logLine(TEXT, as, signersOf(HONEST.slice(0, SECOND_EPOCH)).log),
      witnessLine(TEXT),
    ),
  ),
  head("H-2", "of no witness", noteOf(TEXT, logLine(TEXT))),
  head("H-2", "of a stranger", noteOf(TEXT, logLine(TEXT), STRANGER)),
];

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
  { rule: "F-6", what: "another name", files: () => ({ "receipt.X": receiptOf(TEXT) }) },
  ...heads,
];

/** What differs from the honest log's files and breaks no rule. */
export const HARMLESS_FILES: readonly AlteredFiles[] = [
  {
    what: "a bundle and tiles beyond",
    files: () => ({ "tile/entries/002": "x", "tile/0/002": "x", "tile/1/000": "x" }),
  },
  {
    what: "files of nobody's",
    files: () => ({ pending: "x", receipt: "x", "receipts.1": "x" }),
  },
  { what: "a line of a stranger", files: () => ({ [RECEIPT]: receiptOf(TEXT) + STRANGER }) },
  {
    what: "an older receipt by the key of then",
    files: () => {
      const before = HONEST.slice(0, SECOND_EPOCH);
      const text = textOf(before.length, rootOf(before));
      const old = noteOf(text, logLine(text, as, signersOf(before).log), witnessLine(text));
      return { "receipt.00000000000000ff": old };
    },
  },
];
