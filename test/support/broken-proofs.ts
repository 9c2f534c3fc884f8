/** Proof files that break one rule of docs/ledger-format.md each, sealed as if they did not. */
import { type CborValue, encodeCbor } from "@wattseal/base";
import type { NoteSigner } from "@wattseal/tlog";
import {
  contentOf,
  fileOf,
  fourEpochs,
  headOf,
  type Proof,
  proofOf,
  sealed,
} from "./forged-proofs.js";
import {
  bodyOf,
  bytesOf,
  cosignedBy,
  documentOf,
  evidence,
  fieldsOf,
  KeyedLog,
  LCT,
  listOf,
  notesOf,
  QUORUM_FILE,
  QUORUM_SIGNERS,
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
  content("E-3", "another version", (bytes) => bytes.with(17, 0x33)),
  content("E-3", "the second version without heads", (bytes) => bytes.with(17, 0x32)),
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

const { first, second, next } = QUORUM_SIGNERS;
/** A proof in the tree of 20 entries of 28, with heads of 24 and 28. */
const SIZE = 20;
const later = (size: number, ...by: readonly NoteSigner[]) => headOf(entries, SIZE, size, ...by);
const inParts = {
  ...proofOf(entries, 5, SIZE),
  note: cosignedBy(notesOf(entries.slice(0, SIZE)).checkpoint, first),
  heads: [later(24, second), later(28, first, second)],
};

function quorum(what: string, rule: string | undefined, change: Partial<Proof>): ProofCase {
  const file = () => fileOf({ ...inParts, ...change });
  return { what, file, trust: QUORUM_FILE, ...(rule === undefined ? {} : { rule }) };
}

const NONE: readonly CborValue[] = [];
const [early, late] = inParts.heads as [CborValue, CborValue];
const stranger = { ...second, name: "somebody.example" };
const forged = { ...next, sign: (bytes: Uint8Array) => second.sign(bytes) };
const elsewhere = (head: CborValue) => at(head, 0, (note) => String(note).replace(/^[^\n]+/, "x"));

/** Under a quorum of two. */
export const QUORUM_PROOFS: readonly ProofCase[] = [
  quorum("two witnesses of two heads", undefined, {}),
  quorum("of a later head alone", undefined, { heads: [late] }),
  quorum("under the second's other key", undefined, { heads: [later(24, next)] }),
  quorum("under both of its keys", undefined, { heads: [later(24, second, next)] }),
  quorum("both of one head, in the first form", undefined, {
    ...honest,
    heads: undefined,
    note: cosignedBy(notesOf(entries).checkpoint, first, second),
  }),
  quorum("a head of nobody beside them", undefined, { heads: [later(24, stranger), late] }),
  quorum("a head whose own signature is left out", undefined, {
    heads: [at(early, 0, (note) => String(note).replace(/\u2014 wattseal[^\n]*\n/, ""))],
  }),
  quorum("one witness", "R-7", { ...honest, heads: undefined }),
  quorum("one witness of two heads", "R-7", { heads: [later(24, first)] }),
  quorum("one witness under two keys", "R-7", {
    note: notesOf(entries.slice(0, SIZE)).checkpoint,
    heads: [later(24, second), later(28, next)],
  }),
  quorum("a stranger for the second", "R-7", { heads: [later(24, stranger)] }),
  quorum("a head that is wrongly cosigned", "R-7", { heads: [later(24, forged), late] }),
  quorum("no heads in the second form", "E-3", { heads: NONE }),
  quorum("sixteen heads", "E-3", { heads: Array<CborValue>(16).fill(early) }),
  quorum("a head of no more entries", "R-8", { heads: [later(SIZE, second)] }),
  quorum("heads that fall", "R-8", { heads: [late, early] }),
  quorum("one head twice", "R-8", { heads: [early, early] }),
  quorum("another log's head", "R-8", { heads: [elsewhere(early)] }),
  quorum("no consistency", "R-8", { heads: [at(early, 1, () => [])] }),
  quorum("another hash of consistency", "R-8", {
    heads: [
      at(
        early,
        1,
        hashes((all) => all.with(0, other)),
      ),
    ],
  }),
  quorum("a hash too many", "R-8", {
    heads: [
      at(
        early,
        1,
        hashes((all) => [...all, other]),
      ),
    ],
  }),
  quorum("a head that is no note", "N-1", { heads: [["x", []]] }),
];

export const HONEST_PROOFS: readonly Uint8Array[] = entries.flatMap((_, index) => [
  fileOf(proofOf(entries, index)),
  fileOf(proofOf(entries, index, Math.max(index + 1, 2))),
]);
