/** Receipt logs that break one rule of docs/receipt-log.md each, and what is found there. */
import { type CborValue, encodeCbor, utf8 } from "@wattseal/base";
import { cosign, formatCheckpoint, formatNote, parseNote, signNote } from "@wattseal/tlog";
import {
  type Given,
  headOf,
  LOG,
  LOG_NEXT,
  NEXT,
  receiptOf,
  recordOf,
  STRANGER,
  WITNESS,
} from "../../packages/verifier/src/receipt-log/log.fixture.js";
import type { AuditedReceipts } from "./receipt-logs.js";

interface BrokenReceipts extends AuditedReceipts {
  readonly rule: string;
  readonly what: string;
  readonly findings: readonly string[];
}

const GIVEN: readonly Given[] = [
  { pack: "a", size: 5, first: 0 },
  { pack: "b", size: 300, first: 200 },
  { pack: "a", size: 9, first: 5 },
  { pack: "b", size: 310, first: 300, also: NEXT },
];
const RECORDS = GIVEN.map(recordOf);
const HEAD = headOf(RECORDS);

/** The honest leaves and these, under a head. */
function leaves(...more: readonly Uint8Array[]): AuditedReceipts {
  const records = [...RECORDS, ...more];
  return { records, note: headOf(records) };
}

/** The next record of pack a, given so. */
const next = (change: Partial<Given>) =>
  leaves(recordOf({ pack: "a", size: 12, first: 9, ...change }));

const RECEIPT = receiptOf({ pack: "a", size: 12, first: 9 });
const leaf = (fields: CborValue) => leaves(encodeCbor(fields));
const statements = (counts: CborValue) => leaf(["wattseal-receipt-1", RECEIPT, 9, counts]);
const receipt = (text: string) => leaf(["wattseal-receipt-1", text, 0, [0, 0, 0, []]]);
const held = (...receipts: readonly string[]) => ({ records: RECORDS, note: HEAD, held: receipts });
const head = (note: string | undefined) => ({ records: RECORDS, note });
const forger = { ...STRANGER, name: LOG.name, publicKey: LOG_NEXT.publicKey };
const impostor = { ...STRANGER, name: WITNESS.name, publicKey: WITNESS.publicKey };

/** The receipt with its lines chosen anew. */
function lines(text: string, ...which: readonly number[]): string {
  const { signatures, ...note } = parseNote(text);
  return formatNote({ ...note, signatures: which.map((i) => signatures[i]!) });
}

const broken = (
  rule: string,
  what: string,
  audited: AuditedReceipts,
  ...findings: readonly string[]
): BrokenReceipts => ({ rule, what, ...audited, findings });

const doubled = lines(RECEIPT, 0, 1, 1);
const secret = cosign(receiptOf(GIVEN[0]!), { ...STRANGER, time: 1 });

export const BROKEN_RECEIPTS: readonly BrokenReceipts[] = [
  broken("L-1", "is no CBOR", leaves(utf8("junk")), "leaf 4"),
  broken(
    "L-1",
    "is of another format",
    leaf(["wattseal-receipt-2", RECEIPT, 9, [0, 0, 0, []]]),
    "leaf 4",
  ),
  broken(
    "L-1",
    "has a field too many",
    leaf(["wattseal-receipt-1", RECEIPT, 9, [0, 0, 0, []], 0]),
    "leaf 4",
  ),
  broken("L-1", "has a receipt that is no note", receipt("receipt"), "leaf 4"),
  broken("L-1", "has a receipt that is no head", receipt(signNote("hello\n", WITNESS)), "leaf 4"),
  broken("L-2", "begins behind its end", next({ first: 13 }), "leaf 4"),
  broken(
    "L-3",
    "has more faults than wrong ones",
    statements([0, 0, 0, [[3, "forged"]]]),
    "leaf 4",
  ),
  broken("L-3", "has a fault of no kind", statements([0, 0, 1, [[3, "wrong"]]]), "leaf 4"),
  broken(
    "L-3",
    "has 65 faults",
    statements([0, 0, 65, Array.from({ length: 65 }, () => [3, "forged"])]),
    "leaf 4",
  ),
  broken("L-4", "is signed by a stranger", head(headOf(RECORDS, STRANGER)), "head"),
  broken("L-4", "has a wrong line of one accepted key", head(headOf(RECORDS, LOG, forger)), "head"),
  broken("L-4", "has a key's line twice", head(headOf(RECORDS, LOG, LOG)), "head"),
  broken(
    "L-4",
    "is of another log",
    head(signNote(formatCheckpoint({ origin: "another", size: 0, root: new Uint8Array(32) }), LOG)),
    "head",
  ),
  broken("L-5", "has no head", head(undefined), "head"),
  broken("L-6", "lacks its last leaf", { records: RECORDS.slice(0, 3), note: HEAD }, "leaf 3"),
  broken(
    "L-7",
    "has a receipt that nobody cosigned",
    leaf(["wattseal-receipt-1", lines(RECEIPT, 0), 9, [0, 0, 0, []]]),
    "cosignature 4",
  ),
  broken("L-7", "has a receipt of a stranger", next({ witness: STRANGER }), "cosignature 4"),
  broken("L-7", "has a forged cosignature", next({ witness: impostor }), "cosignature 4"),
  broken(
    "L-7",
    "has a cosignature twice",
    leaf(["wattseal-receipt-1", doubled, 9, [0, 0, 0, []]]),
    "cosignature 4",
  ),
  broken("L-8", "has a shorter head", next({ size: 7, first: 7 }), "shrank 4"),
  broken("L-8", "has two roots for a size", next({ size: 9, mark: "other" }), "fork 4"),
  broken("L-8", "lacks a receipt between two", next({ first: 11 }), "gap 4"),
  broken("L-8", "covers entries twice", next({ first: 8 }), "gap 4"),
  broken(
    "L-8",
    "goes on from its longest head",
    leaves(
      recordOf({ pack: "a", size: 7, first: 7 }),
      recordOf({ pack: "a", size: 9, first: 9, mark: "other" }),
      recordOf({ pack: "a", size: 12, first: 9 }),
    ),
    "shrank 4",
    "fork 5",
  ),
  broken(
    "L-9",
    "has leaves exchanged",
    { records: [RECORDS[1]!, RECORDS[0]!, ...RECORDS.slice(2)], note: HEAD },
    "root",
  ),
  broken(
    "L-10",
    "is shorter than what was seen",
    { records: RECORDS.slice(0, 3), note: headOf(RECORDS.slice(0, 3)), seen: HEAD },
    "split",
  ),
  broken(
    "L-10",
    "is not what was seen",
    { records: RECORDS, note: HEAD, seen: headOf([utf8("other")]) },
    "split",
  ),
  broken(
    "L-10",
    "was seen under no accepted key",
    { records: RECORDS, note: HEAD, seen: headOf(RECORDS, STRANGER) },
    "split",
  ),
  broken(
    "L-11",
    "lacks a receipt that is held",
    held(receiptOf({ ...GIVEN[0]!, mark: "other" })),
    "unlogged",
  ),
  broken("L-11", "lacks a line of one that is held", held(secret), "unlogged"),
  broken("L-11", "lacks what is no note", held("no note", receiptOf(GIVEN[1]!)), "unlogged"),
];

export const HONEST_RECEIPTS: readonly AuditedReceipts[] = [
  { records: [], note: headOf([]), seen: headOf([]) },
  { records: RECORDS, note: headOf(RECORDS, LOG_NEXT), seen: headOf(RECORDS.slice(0, 2), LOG) },
  held(
    ...GIVEN.map(receiptOf),
    lines(receiptOf(GIVEN[3]!), 0, 2),
    lines(receiptOf(GIVEN[3]!), 2, 1, 0),
  ),
  { records: [...RECORDS, utf8("later")], note: HEAD },
];
