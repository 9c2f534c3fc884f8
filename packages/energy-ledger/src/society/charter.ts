import type { LctId, Millis } from "@wattseal/base";
import { decodeAs, type Schema } from "../codec/schema.js";
import type { Entry, EntryBody } from "../entries/entry.js";
import { statusPayload } from "../entries/lifecycle.js";
import {
  anyPolicy,
  type MintPayload,
  mintPayload,
  type Policy,
  type PolicyWitness,
  type SocietyCharge,
  sourcePayload,
} from "../entries/society.js";
import { LedgerError } from "../errors.js";
import type { CharterState } from "../snapshot/state.js";
import { checkPolicy, type EpochState, tierBpsOf } from "./policy.js";
import { SourceBook } from "./sources.js";

/** An entry of another log, proven to be there. */
export interface ForeignEntry {
  /** Whose log. */
  readonly lct: LctId;
  readonly index: number;
  readonly entry: Entry;
}

/** What the society's rules depend on and other entries say. */
export interface SocietyContext {
  /** The log's LCT: a pack's log is one society. */
  readonly lct: LctId | undefined;
  readonly epochState: EpochState | undefined;
  /** Whether the wall clock is: only synchronised time expires anything. */
  readonly synchronised: boolean;
  /** The payload of an authority's COSE_Sign1; throws unless an accepted authority signed it. */
  verifyAuthority(sign1: Uint8Array, index: number): { readonly payload: Uint8Array };
  /** What a proof file proves; throws unless an accepted authority's log has it under a head that one of `witnesses` cosigned. */
  verifyForeign(proof: Uint8Array, witnesses: readonly PolicyWitness[]): ForeignEntry;
}

/** What an authority signs for the society. */
export type AuthorityEntry = {
  readonly [T in "society.mint" | "society.policy" | "society.source"]: {
    readonly type: T;
    readonly body: EntryBody<T>;
  };
}["society.mint" | "society.policy" | "society.source"];

/** What the authority has said of this society: who else may say so, `verifyAuthority` decides. */
export class Charter {
  readonly #context: SocietyContext;
  readonly #sources: SourceBook;
  #policy: Policy | undefined;
  #lastSerial: number;
  #closed: CharterState["closed"];

  constructor(context: SocietyContext, saved?: CharterState) {
    this.#context = context;
    this.#sources = new SourceBook(saved?.sources);
    this.#policy = saved?.policy;
    this.#lastSerial = saved?.lastSerial ?? 0;
    this.#closed = saved?.closed;
  }

  save(): CharterState {
    return {
      policy: this.#policy,
      lastSerial: this.#lastSerial,
      closed: this.#closed,
      sources: this.#sources.save(),
    };
  }

  get policy(): Policy | undefined {
    return this.#policy;
  }

  /** Whose word on other logs counts; `of` one log that decides trades. */
  witnesses(of?: LctId): readonly PolicyWitness[] {
    const policy = this.#policy;
    const all = policy !== undefined && "witnesses" in policy ? policy.witnesses : [];
    return of === undefined ? all : all.filter(({ lct }) => lct === of);
  }

  /** Throws LedgerError `trade` unless the policy lets energy pass between `society` and this one, which are two. */
  requireCounterparty(society: LctId): void {
    const policy = this.#policy;
    const known = policy !== undefined && "counterparties" in policy ? policy.counterparties : [];
    if (society !== this.#context.lct && known.includes(society)) return;
    throw new LedgerError("trade", `${society} is no counterparty of the policy in force`);
  }

  /** The final state of the log's LCT, which closes the society; undefined while it is open. */
  get ended(): CharterState["closed"] {
    return this.#closed;
  }

  requireOpen(): void {
    if (this.#closed === undefined) return;
    throw new LedgerError("closed", `the society is closed: its LCT is ${this.#closed}`);
  }

  /** The policy and the share in force. */
  terms() {
    const policy = this.#policy;
    const { epochState } = this.#context;
    if (policy === undefined || epochState === undefined) {
      throw new LedgerError("charge", "no policy is in force");
    }
    return { policy, tierBps: tierBpsOf(policy, epochState) };
  }

  status(index: number, sign1: Uint8Array): void {
    const status = this.#payload(index, sign1, statusPayload, "LCT status");
    if (status.lct !== this.#context.lct) return;
    this.requireOpen();
    const { state } = status;
    if (state === "void" || state === "slashed" || state === "retired") this.#closed = state;
  }

  /** What may be minted; `minted` counts it once it is. */
  mint(index: number, sign1: Uint8Array): MintPayload {
    this.requireOpen();
    const mint = this.#payload(index, sign1, mintPayload, "mint");
    this.#requireOurs(mint.society);
    if (mint.serial <= this.#lastSerial) {
      throw new LedgerError("mint", `serial ${mint.serial} is not above ${this.#lastSerial}`);
    }
    return mint;
  }

  minted({ serial }: MintPayload): void {
    this.#lastSerial = serial;
  }

  source(index: number, sign1: Uint8Array, now: Millis): void {
    this.requireOpen();
    const proof = this.#payload(index, sign1, sourcePayload, "source");
    this.#requireOurs(proof.society);
    this.#sources.prove(proof, now);
  }

  setPolicy(index: number, sign1: Uint8Array): void {
    this.requireOpen();
    const policy = this.#payload(index, sign1, anyPolicy, "policy");
    this.#requireOurs(policy.society);
    checkPolicy(policy, this.#policy);
    this.#policy = policy;
  }

  /**
   * Whether this statement is in force, or has been superseded: entering it would be refused for being no newer.
   * Throws what `verifyAuthority` throws, DecodeError.
   */
  holds({ type, body }: AuthorityEntry): boolean {
    const { sign1 } = body;
    if (type === "society.mint") {
      const { society, serial } = this.#payload(0, sign1, mintPayload, "mint");
      return society === this.#context.lct && serial <= this.#lastSerial;
    }
    if (type === "society.policy") {
      const { society, version } = this.#payload(0, sign1, anyPolicy, "policy");
      return society === this.#context.lct && version <= (this.#policy?.version ?? 0);
    }
    const proof = this.#payload(0, sign1, sourcePayload, "source");
    const known = this.#sources.proof(proof.source);
    return proof.society === this.#context.lct && proof.provenAt <= (known?.provenAt ?? -1);
  }

  /** mWh that may be charged from `source` at `now`. */
  sourceLeft(source: string, now: Millis): number {
    return this.#sources.left(source, now, this.#policy?.declaredCap ?? 0);
  }

  /** Counts what a charge takes from its sources; throws LedgerError `source` unless they cover it. */
  useSources(parts: SocietyCharge["sources"], now: Millis): void {
    this.#sources.check(parts, now, this.#policy?.declaredCap ?? 0);
    this.#sources.use(parts);
  }

  #payload<T>(index: number, sign1: Uint8Array, schema: Schema<T>, what: string): T {
    const { payload } = this.#context.verifyAuthority(sign1, index);
    return decodeAs(schema, payload, `${what} payload`);
  }

  #requireOurs(society: LctId): void {
    if (society === this.#context.lct) return;
    throw new LedgerError(
      "authority",
      `is for ${society}, not for this log's ${this.#context.lct}`,
    );
  }
}
