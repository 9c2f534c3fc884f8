/** What the authority signs of an LCT's standing. */
import { type Clock, type LctId, type Millis, sha256, utf8 } from "@wattseal/base";
import { encodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import { type Ed25519SecretKey, signAuthorityPayload } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { Admission, Ending, FinalState } from "./port.js";

/** As long as a phrase of the ledger's may be. */
const LONGEST_REASON = 200;

export class Statements {
  readonly #authority: Ed25519SecretKey;
  readonly #clock: Pick<Clock, "now">;

  constructor(options: {
    readonly authority: Ed25519SecretKey;
    readonly clock: Pick<Clock, "now">;
  }) {
    this.#authority = options.authority;
    this.#clock = options.clock;
  }

  /** Active from now on. */
  admission(document: LctDocument, reason: string): Admission {
    const since = this.#clock.now();
    const { lct, kind, anchor, bytes } = document;
    const own = anchor.type === "policy" ? utf8(anchor.text) : anchor.publicKey;
    return {
      lct,
      kind,
      since,
      document: bytes,
      statement: this.#sign(lct, "active", since, reason),
      anchor: sha256(own),
      hardware: undefined,
      pcrDigest: undefined,
    };
  }

  ending(lct: LctId, state: FinalState, reason: string): Ending {
    const since = this.#clock.now();
    return { lct, state, since, statement: this.#sign(lct, state, since, reason) };
  }

  #sign(lct: LctId, state: LctState, since: Millis, reason: string): Uint8Array {
    const payload = encodeAs(statusPayload, {
      purpose: "wattseal-status-1",
      lct,
      state,
      since,
      reason: reason.slice(0, LONGEST_REASON),
    });
    return signAuthorityPayload(this.#authority, payload);
  }
}
