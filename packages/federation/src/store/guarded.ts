/** A store whose failures cannot be taken for anything else's. */
import { InvariantViolation, messageOf } from "@wattseal/base";
import { FederationError } from "../errors.js";
import type { FederationStore } from "./port.js";

/**
 * Every failure but `store-corrupt`, and a fault of the caller's, becomes FederationError `store-failed`: what it was asked
 * can be asked again.
 */
export function guarded(store: FederationStore): FederationStore {
  return {
    packs: () => guard(() => store.packs()),
    packsAfter: (after, limit) => guard(() => store.packsAfter(after, limit)),
    pack: (pack) => guard(() => store.pack(pack)),
    leaves: (pack, from, limit) => guard(() => store.leaves(pack, from, limit)),
    head: (pack, size) => guard(() => store.head(pack, size)),
    commit: (group, sign) => guard(() => store.commit(group, sign)),
    keepFork: (fork) => guard(() => store.keepFork(fork)),
    park: (poison) => guard(() => store.park(poison)),
    modulesTwice: (which) => guard(() => store.modulesTwice(which)),
    told: (found) => guard(() => store.told(found)),
    forks: (pack) => guard(() => store.forks(pack)),
    forkedPacks: () => guard(() => store.forkedPacks()),
    parked: () => guard(() => store.parked()),
    fold: (pack) => guard(() => store.fold(pack)),
    foldsAfter: (after, limit) => guard(() => store.foldsAfter(after, limit)),
    foldsBehind: (version, after, limit) => guard(() => store.foldsBehind(version, after, limit)),
    advanceFold: (pack, from, to, growth) => guard(() => store.advanceFold(pack, from, to, growth)),
    energy: (query) => guard(() => store.energy(query)),
    marks: (query) => guard(() => store.marks(query)),
    subtrees: (pack, tile, index, count) => guard(() => store.subtrees(pack, tile, index, count)),
    beginReceiptLog: (records, sign, behind) =>
      guard(() => store.beginReceiptLog(records, sign, behind)),
    receiptLog: () => guard(() => store.receiptLog()),
    receiptRecords: (from, limit) => guard(() => store.receiptRecords(from, limit)),
    receiptSubtrees: (tile, index, count) => guard(() => store.receiptSubtrees(tile, index, count)),
    bytes: () => guard(() => store.bytes()),
    close: () => guard(() => store.close()),
  };
}

async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FederationError && cause.code === "store-corrupt") throw cause;
    if (cause instanceof InvariantViolation) throw cause;
    throw new FederationError("store-failed", messageOf(cause), { cause });
  }
}

export function isStoreFailure(thrown: unknown): boolean {
  return thrown instanceof FederationError && thrown.code === "store-failed";
}
