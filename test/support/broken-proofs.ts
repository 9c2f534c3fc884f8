/** Proof files that break one rule of docs/ledger-format.md each, sealed as if they did not. */
import { type CborValue, encodeCbor } from "@wattseal/base";
import { contentOf, fileOf, fourEpochs, type Proof, proofOf, sealed } from "./forged-proofs.js";
import {
  bodyOf,
  bytesOf,
  documentOf,
  evidence,
  fieldsOf,
  KeyedLog,
  LCT,
  listOf,
  notesOf,
  TRUST_FILE,
} from "./keyed-log.js";

export interface ProofCase {
  /** Undefined: nothing is broken. */
  readonly rule?: string;
  readonly what: string;
  readonly file: () => Uint8Array;
  /** Whom the reader trusts. */
  readonly trust?: Uint8Array;
}

const DAY = 86_400_000;
const { entries } = fourEpochs();
const BEGUN = [1, 9, 17, 25];
/** Of an entry of the first epoch: names that one, the second and the fourth. */
const honest = proofOf(entries, 5);

function broken(rule: string, what: string, change: (proof: Proof) => Partial<Proof>): ProofCase {
  return { rule, what, file: () => fileOf({ ...honest, ...change(honest) }) };
}

function content(rule: string, what: string, change: (content: Buffer) => Uint8Array): ProofCase {
  return { rule, what, file: () => sealed(change(Buffer.from(contentOf(honest)))) };
}

/** A proof of the last entry of another log. */
function logged(rule: string, what: string, log: () => readonly Uint8Array[]): ProofCase {
  return { rule, what, file: () => fileOf(proofOf(log(), log().length - 1)) };
}

const at = (value: CborValue | undefined, place: number, change: (part: CborValue) => CborValue) =>
  listOf(value).with(place, change(listOf(value)[place]!));
const hashes = (change: (hashes: readonly CborValue[]) => readonly CborValue[]) => (v: CborValue) =>
  change(listOf(v));
const other = new Uint8Array(32).fill(9);
const { leaf } = honest;
const AUTHORITY_KEY = /("ed25519": )"[^"]*"/;
const base64 = Buffer.from(other).toString("base64");

/** The epochs with the leaf, or with the consistency proof, of one of them changed. */
const epoch = (k: number, part: 0 | 1, change: (part: CborValue) => CborValue) => ({
  epochs: honest.epochs.with(k, at(honest.epochs[k], part, change)),
});
const epochOf = (index: number) => proofOf(entries, index).epochs[0]!;

const raw = (type: string, time: number, body: readonly CborValue[]) =>
  encodeCbor([1, type, time, body]);

/** A log with an epoch that some rule does not allow, and an entry in it. */
function begun(change: (body: CborValue[], log: KeyedLog) => CborValue[], age = 0) {
  const log = new KeyedLog();
  log.now += 40 * DAY;
  const tree = [log.entries.length, log.replay.root()];
  // the key of the second epoch signs what follows
  const key = bodyOf(bytesOf(listOf(fieldsOf(entries[BEGUN[1]!]!)[3])[0]))[2]!;
  const body = change([LCT, 2, key, "test", ...tree, log.now - age, 1], log);
  const begin = raw("epoch.begin", log.now, [evidence(body)]);
  return [...log.entries, begin, raw("ops.config", log.now, ["x", other])];
}

export const BROKEN_PROOFS: readonly ProofCase[] = [
  { rule: "R-1", what: "another checksum", file: () => encodeCbor([contentOf(honest), other]) },
  { rule: "E-2", what: "a byte more", file: () => Buffer.concat([fileOf(honest), Buffer.of(0)]) },
  { rule: "E-3", what: "no checksum", file: () => encodeCbor([contentOf(honest)]) },
  content("E-2", "a byte more within", (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
  content("E-1", "a longer head", (bytes) =>
    Buffer.concat([Buffer.of(0x98, 5), bytes.subarray(1)]),
  ),
  content("E-3", "another version", (bytes) => bytes.with(17, 0x32)),
  broken("E-3", "55 hashes", () => ({ leaf: at(leaf, 2, () => Array(55).fill(other)) })),
  broken("E-3", "a hash of 31 bytes", () => ({ leaf: at(leaf, 2, () => [other.slice(1)]) })),
  broken("E-3", "an empty entry", () => ({ leaf: at(leaf, 0, () => new Uint8Array(0)) })),
  broken("E-3", "a note of 65,537 bytes", () => ({ note: "x".repeat(65_537) })),
  broken("R-2", "entry 1 as the last leaf", () => ({ genesis: proofOf(entries, 1).leaf })),
  broken("R-2", "another type as entry 0", () => ({ genesis: at(leaf, 1, () => 0) })),
  broken("O-4", "the document of an agent", ({ genesis }) => ({
    genesis: at(genesis, 0, () => raw("lct.document", 0, [documentOf("agent")])),
  })),
  broken("R-3", "no epoch", () => ({ epochs: [] })),
  broken("R-3", "four epochs", () => ({ epochs: BEGUN.map(epochOf) })),
  broken("R-3", "the own epoch left out", ({ epochs }) => ({ epochs: epochs.slice(1) })),
  broken("R-3", "epochs in another order", ({ epochs }) => ({
    epochs: [epochs[0]!, epochs[2]!, epochs[1]!],
  })),
  broken("R-3", "one epoch twice", ({ epochs }) => ({
    epochs: [...epochs.slice(0, 2), epochs[1]!],
  })),
  broken("R-3", "what begins no epoch", () => epoch(1, 0, () => proofOf(entries, 10).leaf)),
  broken("R-3", "two epochs before the entry", () => {
    const proof = proofOf(entries, 20);
    return { ...proof, epochs: [epochOf(BEGUN[1]!), ...proof.epochs] };
  }),
  logged("P-1", "an epoch of another LCT", () =>
    begun((body) => body.with(0, LCT.replace("pack", "agent"))),
  ),
  logged("P-5", "an epoch of later", () => begun((body, { now }) => body.with(6, now + 1))),
  logged("R-3", "an epoch that continues another size", () => begun((body) => body.with(4, 2))),
  logged("R-6", "an epoch that continues another tree", () => begun((body) => body.with(5, other))),
  logged("R-4", "an entry after the epoch's 31 days", () => begun((body) => body, 31 * DAY + 1)),
  logged("E-3", "an entry of no known type", () => [...entries, raw("ops.x", 0, [])]),
  broken("N-2", "a head by an earlier epoch's key", ({ epochs }) => ({
    note: proofOf(entries, 5, BEGUN[3]).note,
    epochs,
  })),
  broken("N-4", "a head of another text", ({ note }) => ({
    note: note.replace("\n28\n", "\n29\n"),
  })),
  broken("R-6", "another hash", () => ({
    leaf: at(
      leaf,
      2,
      hashes((all) => all.with(1, other)),
    ),
  })),
  broken("R-6", "a hash less", () => ({
    leaf: at(
      leaf,
      2,
      hashes((all) => all.slice(1)),
    ),
  })),
  broken("R-6", "a hash too many", () => ({
    leaf: at(
      leaf,
      2,
      hashes((all) => [...all, other]),
    ),
  })),
  broken("R-6", "another index", () => ({ leaf: at(leaf, 1, () => 4) })),
  broken("R-6", "an index beyond the tree", () => {
    const last = proofOf(entries, entries.length - 1);
    return { ...last, leaf: at(last.leaf, 1, () => entries.length) };
  }),
  broken("R-6", "an epoch elsewhere", () =>
    epoch(2, 0, (part) =>
      at(
        part,
        2,
        hashes((all) => all.with(0, other)),
      ),
    ),
  ),
  broken("R-6", "another hash of consistency", () =>
    epoch(
      1,
      1,
      hashes((all) => all.with(0, other)),
    ),
  ),
  broken("R-6", "no consistency", () => epoch(1, 1, () => [])),
  broken("R-6", "a hash of consistency too many", () =>
    epoch(
      1,
      1,
      hashes((all) => [...all, other]),
    ),
  ),
  broken("R-6", "entry 0 elsewhere", ({ genesis }) => ({
    genesis: at(
      genesis,
      2,
      hashes((all) => all.with(0, other)),
    ),
  })),
  broken("R-7", "no witness", () => ({ note: notesOf(entries).checkpoint })),
  {
    rule: "R-7",
    what: "another authority",
    file: () => fileOf(honest),
    trust: Buffer.from(Buffer.from(TRUST_FILE).toString().replace(AUTHORITY_KEY, `$1"${base64}"`)),
  },
];

export const HONEST_PROOFS: readonly Uint8Array[] = entries.flatMap((_, index) => [
  fileOf(proofOf(entries, index)),
  fileOf(proofOf(entries, index, Math.max(index + 1, 2))),
]);
