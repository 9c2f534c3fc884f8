/** The port to whatever holds an anchor's key, its counter and the pack's device halves: a file, or a TPM. */
import type { DeviceHalf } from "@wattseal/device-keys";
import type { AttestationStatement } from "../verify/attestation.js";
import type { EpochEvidence } from "../verify/evidence.js";

/** A device half (X25519, 32 bytes) as the anchor keeps it. An open one is its taker's to dispose of. */
export type AnchorHalf = {
  /** How a pairing record names it: its file. */
  readonly reference: string;
} & (
  | { readonly state: "open"; readonly publicKey: Uint8Array; readonly half: DeviceHalf }
  /** The TPM would not unseal it under the present boot, or what is kept of it is damaged: `reason` says which, and the cure. */
  | {
      readonly state: "refused";
      /** Undefined where what is kept does not even say that. */
      readonly publicKey: Uint8Array | undefined;
      readonly reason: string;
    }
);

/**
 * One anchor. Every method asks the hardware anew, and calls may take seconds; none is made while another is under way.
 * Throws LctKeysError, or the TPM client's error for what hardware refused.
 */
export interface Anchor {
  /** P-256, uncompressed, 65 bytes: the one in the LCT document. */
  readonly publicKey: Uint8Array;
  /** Whether each increment wears a part that cannot be replaced (a hardware TPM's NV memory): starts are then rationed. */
  readonly rationed: boolean;
  /** Where the counter stood when the anchor was made: no epoch has this number or a lower one. 0 for a software anchor. */
  readonly counterBase: number;
  /** The counter's value: the last epoch claimed, or `counterBase`. */
  counter(): Promise<number>;
  /** Returns the new value. */
  increment(): Promise<number>;
  /** Signs `epochSignedBytes(bodyBytes)`; a TPM states boot and counter beside it. */
  attestEpoch(bodyBytes: Uint8Array): Promise<Omit<EpochEvidence, "body" | "bodyBytes">>;
  /** r ‖ s over `message`, 64 bytes. Only for a message that no other use of the anchor could be taken for. */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** `nonce`: 16 to 64 bytes. */
  attest(nonce: Uint8Array): Promise<AttestationStatement>;
  /** This boot has signed its first checkpoint: from here on no older boot approval holds. Idempotent. */
  confirmBoot(): Promise<void>;
  /** Opens every half that is kept, each as far as it goes. */
  openHalves(): Promise<readonly AnchorHalf[]>;
  /** Draws a half and keeps it, durably, before it returns. */
  createHalf(): Promise<AnchorHalf & { readonly state: "open" }>;
  /** Drops what it holds in memory. Idempotent. */
  close(): Promise<void>;
}
