/** The epochs of a log, each by its evidence; the rest of the log is for `ledger audit`. */
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { EpochChain, type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { firstReplay, type Trust } from "@wattseal/verifier";
import type { openLog } from "./folder.js";

type Log = Awaited<ReturnType<typeof openLog>>;

export interface FollowEpochs {
  /** Default: the log's own, believed for being consistent with itself. */
  readonly document?: LctDocument;
  readonly trust?: Trust | undefined;
  /** Entries from here on are left out; default: none. */
  readonly until?: number;
  readonly onEntry?: (index: number, entry: Entry) => void;
}

/** Throws DecodeError or LctKeysError for the first evidence that does not hold, VerifierError where a pruned log cannot be begun. */
export function followEpochs(
  log: Log,
  { document, trust, until = log.durableSize, onEntry }: FollowEpochs,
): EpochChain {
  const start = firstReplay(log, trust);
  const chain = start.chain ?? new EpochChain(document ?? documentOf(log));
  for (let index = start.size; index < until; index += 1) {
    const entry = decodeEntry(log.entry(index));
    if (entry.type === "epoch.begin") {
      const { evidence } = entry.body;
      chain.begin(evidence, { treeSize: index, treeRoot: log.root(index), time: entry.timeMs });
    }
    onEntry?.(index, entry);
  }
  return chain;
}

function documentOf(log: Log): LctDocument {
  const first = decodeEntry(log.entry(0));
  const bytes = first.type === "lct.document" ? first.body.sign1 : new Uint8Array();
  return verifyLctDocument(bytes, "self-consistent");
}
