/** Heads and receipts that break one rule of docs/ledger-format.md each: of the sections Notes and Heads. */
import { type AlteredFiles, HONEST, sha, u64 } from "./altered-files.js";
import {
  cosignedBy,
  notesOf,
  QUORUM_SIGNERS,
  RECEIPT,
  rootOf,
  signersOf,
  typeOf,
} from "./keyed-log.js";

const SIZE = HONEST.length;
const ROOT = rootOf(HONEST);
const SECOND_EPOCH = HONEST.findLastIndex((entry) => typeOf(entry) === "epoch.begin");
const SIGNERS = signersOf(HONEST);
const ORIGIN = SIGNERS.log.name;

type Signer = typeof SIGNERS.log;

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
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

export const BROKEN_HEADS: readonly AlteredFiles[] = [
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
];

/** Receipts that say nothing to who accepts this witness alone: nothing is broken, and nobody has witnessed. */
export const UNWITNESSED: readonly AlteredFiles[] = [
  { what: "of no witness", files: () => ({ [RECEIPT]: noteOf(TEXT, logLine(TEXT)) }) },
  { what: "of a stranger", files: () => ({ [RECEIPT]: noteOf(TEXT, logLine(TEXT), STRANGER) }) },
];

/** Receipts beside a log, and how many of its entries a quorum of two then has witnessed. */
export const QUORUM_HEADS: readonly (AlteredFiles & { readonly witnessed: number })[] = (() => {
  const { first, second, next } = QUORUM_SIGNERS;
  const { checkpoint } = notesOf(HONEST);
  const before = notesOf(HONEST.slice(0, SECOND_EPOCH)).checkpoint;
  const beside = "receipt.00000000000000ff";
  const of = (what: string, witnessed: number, receipt: string, other?: string) => ({
    what,
    witnessed,
    files: () => ({ [RECEIPT]: receipt, ...(other === undefined ? {} : { [beside]: other }) }),
  });
  return [
    of("both of one head", SIZE, cosignedBy(checkpoint, first, second)),
    of("each in a file", SIZE, cosignedBy(checkpoint, first), cosignedBy(checkpoint, next)),
    of("one", 0, cosignedBy(checkpoint, first)),
    of("one under two keys", 0, cosignedBy(checkpoint, second, next)),
    of("one of less", SECOND_EPOCH, cosignedBy(checkpoint, first), cosignedBy(before, second)),
    of("one twice", 0, cosignedBy(checkpoint, second), cosignedBy(before, next)),
  ];
})();

/** What differs from the honest log's receipt and breaks no rule. */
export const HARMLESS_HEADS: readonly AlteredFiles[] = [
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
