/** Whose word a federation takes no more: what its worker asks of a registry, without waiting for it. */
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { ForkEvidence } from "../store/port.js";
import type { FinalState } from "./port.js";

export interface Standing {
  /** The final state of a pack's LCT; undefined while it may speak, and for one that is not known here. */
  finalState(pack: PackName): FinalState | undefined;
  /** The authority's signed word on it, `wattseal-status-1`; undefined while there is none. Throws what the store throws. */
  statement(pack: PackName): Promise<Uint8Array | undefined>;
  /**
   * Ends the LCT for two validly signed statements that contradict each other, or leaves it to whoever can prove it from the
   * store, where the fork is kept before. Resolves when an ending would survive a power cut; again for the same LCT it changes
   * nothing.
   */
  slash(fork: ForkEvidence, document: LctDocument): Promise<void>;
}
