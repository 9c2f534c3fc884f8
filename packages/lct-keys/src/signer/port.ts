/** What the gateway asks of whoever holds the anchor and the epoch key, in this process or in another. */
import type { LctId } from "@wattseal/base";
import type { Binding } from "../verify/genesis.js";
import type { OcmfDay } from "../verify/ocmf.js";

export interface SignerIdentity {
  readonly lct: LctId;
  /** Origin and key name of every checkpoint. */
  readonly origin: string;
  readonly epoch: number;
  /** Of this epoch: Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly binding: Binding;
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

export interface Signer extends OcmfSigner {
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
