import type { LctId, Millis } from "@wattseal/base";
import type { PolicyWitness } from "../entries/society.js";
import type { ForeignEntry } from "../society/charter.js";
import type { EpochState } from "../society/policy.js";

/** An epoch as its evidence proves it. */
export interface EpochStanding {
  readonly epoch: number;
  readonly state: EpochState;
  /** UTC ms: no entry of this epoch is later. */
  readonly expiresAt: number;
}

/** What only keys and the tree can tell. Each throws when its check fails. */
export interface LedgerChecks {
  /** An LCT document; that of entry 0 names the log. */
  document(sign1: Uint8Array, index: number): LctId;
  /** The evidence of an epoch.begin: signed by the LCT's anchor, counter above the last, about the tree of `index` leaves before it. */
  epoch(evidence: Uint8Array, index: number, timeMs: Millis): EpochStanding;
  /** A statement of an authority (COSE_Sign1: mint, source, policy, status); returns what it says. */
  authority(sign1: Uint8Array, index: number): { readonly payload: Uint8Array };
  /** A proof file of another log's entry, under a head that one of these witnesses cosigned; returns what it proves. */
  foreign(proof: Uint8Array, witnesses: readonly PolicyWitness[]): ForeignEntry;
  /** The SHA-256 that an ops.snapshot states: of the snapshot of everything before entry `index`. */
  snapshot(digest: Uint8Array, index: number): void;
}
