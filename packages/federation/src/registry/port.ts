/** What the registry keeps. Every method that changes something resolves when the change would survive a power cut. */
import type { LctId, Millis } from "@wattseal/base";
import type { LctState } from "@wattseal/energy-ledger";
import type { EnrolmentGrant, PendingEnrolment } from "@wattseal/lct-keys";

/** States that nothing leads out of. */
export type FinalState = Extract<LctState, "void" | "slashed" | "retired">;

export interface StoredToken extends EnrolmentGrant {
  /** SHA-256 of the token, 32 bytes: the token itself is kept nowhere. */
  readonly hash: Uint8Array;
  readonly created: Millis;
  readonly expires: Millis;
  /** The LCT that it was spent on. */
  readonly spentOn: LctId | undefined;
}

export interface StoredLct {
  readonly lct: LctId;
  readonly kind: string;
  readonly state: "active" | FinalState;
  /** Of the state. */
  readonly since: Millis;
  readonly document: Uint8Array;
  /** Every signed `wattseal-status-1`, oldest first. */
  readonly statements: readonly Uint8Array[];
}

/** A document that comes into force, and the statement that says so. */
export interface Admission {
  readonly lct: LctId;
  readonly kind: string;
  readonly since: Millis;
  readonly document: Uint8Array;
  readonly statement: Uint8Array;
  /** SHA-256 of the anchor: no anchor gets a second LCT by a token. */
  readonly anchor: Uint8Array;
  /** SHA-256 of the endorsement key: an active LCT of a kind for each. Undefined without a TPM. */
  readonly hardware: Uint8Array | undefined;
  /** Of the PCRs in the document, at enrolment. */
  readonly pcrDigest: Uint8Array | undefined;
}

export interface Ending {
  readonly lct: LctId;
  readonly state: FinalState;
  readonly since: Millis;
  readonly statement: Uint8Array;
}

/** What was shown against an LCT. */
export interface KeptEvidence {
  readonly lct: LctId;
  readonly kind: string;
  readonly size: number;
  readonly payload: Uint8Array;
  /** Of the log that it contradicts; empty before the first. */
  readonly receipt: string;
}

export type Admitted = "admitted" | "anchor-known" | "hardware-known";

export interface RegistryStore {
  addToken(token: StoredToken): Promise<void>;
  token(hash: Uint8Array): Promise<StoredToken | undefined>;
  tokens(): Promise<readonly StoredToken[]>;
  /** Replaces the token's former challenge, and forgets what expired by `now` unmet. "full": `most` others are outstanding. */
  keepPending(
    token: Uint8Array,
    pending: PendingEnrolment,
    limits: { readonly most: number; readonly now: Millis },
  ): Promise<"kept" | "full">;
  pending(token: Uint8Array): Promise<PendingEnrolment | undefined>;
  /** Unmet. */
  outstanding(): Promise<readonly { readonly lct: LctId; readonly expires: Millis }[]>;
  /**
   * In one transaction: the token is spent, the document in force, its predecessor ended; the challenge stays with the
   * token. "spent": the token was used meanwhile; nothing changed then, nor for any answer but "admitted".
   */
  settle(
    token: Uint8Array,
    admission: Admission,
    predecessor: Ending | undefined,
  ): Promise<Admitted | "spent">;
  /** Without a token: a document that was issued elsewhere. False: known already, and nothing changed. */
  admit(admission: Admission): Promise<boolean>;
  lct(lct: LctId): Promise<StoredLct | undefined>;
  /** In the order of their ids, after `after`. */
  lcts(after: string, limit: number): Promise<readonly StoredLct[]>;
  /** False where it is final already, or not known: its state stays. */
  end(ending: Ending): Promise<boolean>;
  /** As `end`, with what it ends for; one that was not known is taken in. */
  slash(ending: Ending, evidence: KeptEvidence, unknown: Admission): Promise<boolean>;
  ended(): Promise<readonly Pick<Ending, "lct" | "state">[]>;
  /** How many there are of these: it only grows. */
  endedCount(): Promise<number>;
  evidence(lct: LctId): Promise<readonly KeptEvidence[]>;
  close(): Promise<void>;
}
