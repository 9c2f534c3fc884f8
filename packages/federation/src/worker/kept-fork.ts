/**
 * Whether what is kept against a pack proves a fork, judged again from the store with the checks of ./judge.ts. Nothing in the
 * store is believed but what an authority, the pack's anchor or its epoch keys signed: whoever can write there must not be able
 * to have an LCT ended.
 */
import { bytesEqual, fromUtf8, originOf } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import {
  EpochChain,
  type LctDocument,
  type TrustedKeys,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { Frontier, leafHash, verifyCheckpoint } from "@wattseal/tlog";
import { decodeBatch, decodeResponse, type PackName, soleCheckpoint } from "@wattseal/uplink";
import {
  type FederationStore,
  type ForkEvidence,
  readStoredLog,
  type StoredReceipt,
} from "../store/port.js";
import { evidenceIn, isSignedByLater } from "./authenticity.js";
import { isTwin, type Message } from "./judge.js";
import { Refused } from "./refused.js";

export type KeptLogs = Pick<FederationStore, "leaves" | "pack">;

interface KeptForkContext {
  readonly logs: KeptLogs;
  readonly authorityKeys: TrustedKeys;
  /** Everything that is kept against this pack: a proof may rest on evidence of an epoch beside it. */
  readonly kept: readonly ForkEvidence[];
}

/** `open`: the stored log, or its receipt, does not reach as far yet. */
export type KeptVerdict =
  | { readonly kind: "proven"; readonly document: LctDocument }
  | { readonly kind: "unproven"; readonly why: string }
  | { readonly kind: "open" };

/** Throws what the store throws, and what the verifiers throw: then it proves nothing. */
export async function judgeKept(
  fork: ForkEvidence,
  context: KeptForkContext,
): Promise<KeptVerdict> {
  const document = await storedDocument(context.logs, fork.pack, context.authorityKeys);
  if (document === undefined) return { kind: "open" };
  const judgement =
    fork.kind === "epoch"
      ? await isCloned(fork, document, context)
      : await isForked(fork, document, context);
  if (judgement === "open") return { kind: "open" };
  if (judgement === "contradicts") return { kind: "proven", document };
  const why = "nothing in it is validly signed and contradicts the stored log";
  return { kind: "unproven", why };
}

/** Entry 0, under an accepted authority. Undefined: nothing is stored. Throws DecodeError, LctKeysError, Refused `untrusted`. */
export async function storedDocument(
  logs: Pick<FederationStore, "leaves">,
  pack: PackName,
  authorityKeys: TrustedKeys,
): Promise<LctDocument | undefined> {
  const [leaf] = await logs.leaves(pack, 0, 1);
  if (leaf === undefined) return undefined;
  const entry = decodeEntry(leaf);
  if (entry.type !== "lct.document") throw new Refused("untrusted", "entry 0 is no lct.document");
  const document = verifyLctDocument(entry.body.sign1, authorityKeys);
  if (document.label === pack && document.lct.startsWith("lct:pack:")) return document;
  throw new Refused("untrusted", `entry 0 is the document of ${document.lct}`);
}

type Finding = "contradicts" | "agrees" | "open";

/** Two bodies for one counter: one in the log or kept beside it, the other shown. */
async function isCloned(
  { pack, size, payload }: ForkEvidence,
  document: LctDocument,
  { logs, kept }: KeptForkContext,
): Promise<Finding> {
  const [leaf] = await logs.leaves(pack, size, 1);
  if (leaf === undefined) return "open";
  const entered = evidenceIn(leaf);
  const known = [...(entered === undefined ? [] : [entered]), ...bareEvidence(kept)];
  const leaves = messageIn(payload)?.leaves;
  const shown = leaves?.flatMap((it) => evidenceIn(it) ?? []) ?? [payload];
  const isShown = shown.some((it) => known.some((one) => isTwin(document, one, it)));
  return isShown ? "contradicts" : "agrees";
}

/** Two heads that the pack signed: the one shown, and that of the receipt, whose tree the stored leaves give. */
async function isForked(
  { pack, size, payload }: ForkEvidence,
  document: LctDocument,
  { logs, kept }: KeptForkContext,
): Promise<Finding> {
  const receipt = (await logs.pack(pack))?.receipt;
  if (receipt === undefined || receipt.size < size) return "open";
  const { checkpoint: note, leaves } = messageIn(payload) ?? headOf(payload);
  const checkpoint = soleCheckpoint(note);
  if (checkpoint.size !== size || checkpoint.origin !== originOf(pack)) return "agrees";
  const { chain, root } = await replay(logs, pack, { document, size, head: receipt });
  const isSigned =
    isSignedAt(note, size, chain) ||
    isSignedByLater(note, size, chain, { offered: undefined, leaves }) ||
    bareEvidence(kept).some((offered) =>
      isSignedByLater(note, size, chain, { offered, leaves: [] }),
    );
  return isSigned && !bytesEqual(root, checkpoint.root) ? "contradicts" : "agrees";
}

interface Replayed {
  readonly document: LctDocument;
  readonly size: number;
  readonly head: StoredReceipt;
}

/**
 * The root of the first `size` stored leaves and the epochs among them, of which `head`, a note of the pack's own, shows that
 * they are what it signed. Throws DecodeError, LctKeysError, TlogError, Refused `root`.
 */
async function replay(
  logs: KeptLogs,
  pack: PackName,
  { document, size, head }: Replayed,
): Promise<{ readonly chain: EpochChain; readonly root: Uint8Array }> {
  const chain = new EpochChain(document);
  const frontier = new Frontier();
  let known = { chain, root: frontier.root() };
  for await (const leaf of readStoredLog(logs, pack, head.size)) {
    const entry = decodeEntry(leaf);
    if (entry.type === "epoch.begin") {
      const at = { treeSize: frontier.size, treeRoot: frontier.root(), time: entry.timeMs };
      chain.begin(entry.body.evidence, at);
    }
    frontier.append(leafHash(leaf));
    if (frontier.size === size) known = { chain: chain.clone(), root: frontier.root() };
  }
  const signed = chain.verifyCheckpoint(head.text);
  if (signed.size === frontier.size && bytesEqual(signed.root, frontier.root())) return known;
  throw new Refused("root", `the stored leaves do not give the tree that ${document.lct} signed`);
}

function isSignedAt(note: string, size: number, chain: EpochChain): boolean {
  const publicKey = chain.at(size)?.publicKey;
  if (publicKey === undefined) return false;
  try {
    verifyCheckpoint(note, { name: chain.document.origin, publicKey });
    return true;
  } catch {
    return false;
  }
}

/** What came as a batch or as an answer to a request. */
function messageIn(payload: Uint8Array): Message | undefined {
  for (const decode of [decodeBatch, decodeResponse]) {
    try {
      return decode(payload);
    } catch {
      // the other, or neither
    }
  }
  return undefined;
}

function headOf(payload: Uint8Array) {
  return { checkpoint: fromUtf8(payload, "head"), leaves: [] };
}

/** What came on its own, offered for an epoch. */
function bareEvidence(kept: readonly ForkEvidence[]): readonly Uint8Array[] {
  return kept
    .filter(({ kind, payload }) => kind === "epoch" && messageIn(payload) === undefined)
    .map(({ payload }) => payload);
}
