/**
 * Evidence that stored packs have offered for an epoch which their stored log does not have yet. The anchor's signature
 * is checked before anything is kept, so that nobody else can take its place.
 */
import { decodeEpochEvidence } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import { type KnownPack, vouchedKey } from "./authenticity.js";

interface Offer {
  readonly epoch: number;
  readonly evidence: Uint8Array;
}

export class Offers {
  readonly #offers = new Map<PackName, Offer>();

  /** Evidence of an epoch that the log has, or has gone beyond, is ignored. Throws DecodeError, LctKeysError. */
  offer({ pack, chain }: KnownPack, evidence: Uint8Array): void {
    if (decodeEpochEvidence(evidence).body.epoch <= chain.lastCounter) return;
    const { epoch } = vouchedKey(evidence, chain);
    const kept = this.#offers.get(pack);
    if (kept === undefined || epoch > kept.epoch) this.#offers.set(pack, { epoch, evidence });
  }

  of({ pack }: KnownPack): Uint8Array | undefined {
    return this.#offers.get(pack)?.evidence;
  }

  /** Evidence that came when the pack was a stranger: dropped where it does not hold. */
  adopt(known: KnownPack, evidence: Uint8Array): void {
    try {
      this.offer(known, evidence);
    } catch {}
  }

  /** Forgets what the log has grown to reach. */
  prune({ pack, chain }: KnownPack): void {
    const kept = this.#offers.get(pack);
    if (kept !== undefined && kept.epoch <= chain.lastCounter) this.#offers.delete(pack);
  }
}
