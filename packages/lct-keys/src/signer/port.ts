/** What the gateway asks of whoever holds the anchor and the epoch key, in this process or in another. */
import type { Clock, LctId } from "@wattseal/base";
import type { AttestationStatement } from "../verify/attestation.js";
import type { EpochState } from "../verify/boot-state.js";
import type { Binding } from "../verify/genesis.js";
import type { OcmfDay } from "../verify/ocmf.js";
import type { ContinuedLog } from "./recovery.js";

export interface SignerIdentity {
  readonly lct: LctId;
  /** Origin and key name of every checkpoint. */
  readonly origin: string;
  readonly epoch: number;
  /** Of this epoch: Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly binding: Binding;
  /** What the epoch's evidence amounts to. */
  readonly state: EpochState;
}

export interface TreeHead {
  readonly size: number;
  /** RFC 6962 root, 32 bytes. */
  readonly root: Uint8Array;
}

export interface SignRequest extends TreeHead {
  /** RFC 9162 §2.1.4: from the head before (at first `lastSigned`) to this one. Empty when the size is the same. */
  readonly consistency: readonly Uint8Array[];
}

export interface OcmfSigner {
  /**
   * The day as an OCMF record, signed by the anchor. The same day gives the same record. Throws LctKeysError
   * `ocmf-signed` when the page was signed with another payload, `key-…`, `anchor-mismatch`; RangeViolation for a
   * day that contradicts itself.
   */
  ocmf(day: OcmfDay): Promise<string>;
}

export interface RationedStarts {
  /**
   * ms until the next start is paid for, 0 where it is; undefined where starts are not rationed. What is paid for stays
   * so over restarts, also where the machine's clock is set back.
   */
  nextStartMs(): Promise<number | undefined>;
}

export interface Signer extends OcmfSigner, RationedStarts {
  identity(): SignerIdentity;
  /** Belongs into the log as epoch.begin, at the index that is the continued tree's size, before anything is signed. */
  readonly epochEvidence: Uint8Array;
  /** The last head signed or, at first, the tree that the epoch continues. */
  readonly lastSigned: TreeHead;
  /**
   * The checkpoint notes of durable heads, each of which extends the one before it and the first `lastSigned`. All or
   * none are signed: the last one is durable as `lastSigned` before any leaves. Throws LctKeysError `sign-smaller`,
   * `sign-forked` (same size, other root), `sign-inconsistent` (the proof does not prove it), `epoch-expired`,
   * `signer-superseded`, `signer-faulted`, `signer-closed`; then nothing was signed.
   */
  sign(...requests: readonly SignRequest[]): Promise<readonly string[]>;
  /** After the requests under way; the epoch key is gone then. */
  close(): Promise<void>;
}

/** A device half of the pack (X25519, 32 bytes), as the signer keeps it. */
export type HalfStatus = {
  /** How a pairing record names it. */
  readonly reference: string;
} & (
  | { readonly state: "open"; readonly publicKey: Uint8Array }
  /** No link comes about under it until the signer is started again; `reason` says why, and the cure. */
  | {
      readonly state: "refused";
      /** Undefined where what is kept does not even say that. */
      readonly publicKey: Uint8Array | undefined;
      readonly reason: string;
    }
);

export interface EpochStart {
  /** What is durable of the log that the epoch continues: at least the LCT document. */
  readonly log: ContinuedLog;
  /** The log's UTC: dates the epoch, and ends it. */
  readonly clock: Clock;
  /** Whether that clock is synchronised now. */
  readonly synchronised: boolean;
}

/**
 * Whoever holds the anchor, in this process or behind a socket: the device halves and the anchor's own word at any
 * time, checkpoints within an epoch. One epoch at a time.
 */
export interface SignerService extends OcmfSigner, RationedStarts {
  /** What became of each device half at the signer's start. Undefined where no signer was reached yet. */
  readonly halves: readonly HalfStatus[] | undefined;
  /**
   * X25519 of the half `own` with `peer` (public halves, 32 bytes each); the 32-byte result is the caller's to wipe.
   * Throws LctKeysError `half-unknown`, `half-refused`, and DeviceKeysError `weak-peer-half`.
   */
  dh(own: Uint8Array, peer: Uint8Array): Promise<Uint8Array>;
  /** The anchor's statement over a nonce of 16 to 64 bytes. */
  attest(nonce: Uint8Array): Promise<AttestationStatement>;
  /** Draws another half, for a roll. */
  createHalf(): Promise<HalfStatus>;
  /**
   * Begins an epoch, and ends the one before. Throws LctKeysError `epoch-rationed` (`retryAfterMs` says when to ask
   * again), `state-…`, `log-…`, `counter-rolled-back`, `signer-superseded`.
   */
  begin(start: EpochStart): Promise<Signer>;
  /** Ends the epoch and forgets the halves. */
  close(): Promise<void>;
}
