/**
 * Tokens, challenges, documents and their standing: what the operator grants, what an applicant asks for, and what the
 * worker proves. Where the store is shared, so is the word on who may speak: `refresh` takes up what others said.
 */
import {
  bytesEqual,
  type Clock,
  type Entropy,
  InvariantViolation,
  type LctId,
  type Logger,
  type Millis,
  millis,
  sha256,
  toHex,
  utf8,
} from "@wattseal/base";
import type { LctState } from "@wattseal/energy-ledger";
import {
  type Ed25519SecretKey,
  type Enrolled,
  type EnrolmentGrant,
  encodeEnrolmentResult,
  type HardwareRoots,
  type PendingEnrolment,
  Registrar,
} from "@wattseal/lct-keys";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { ForkEvidence } from "../store/port.js";
import { EndedLcts } from "./ended.js";
import { RegistryError } from "./errors.js";
import type {
  Admitted,
  Ending,
  FinalState,
  RegistryStore,
  StoredLct,
  StoredToken,
} from "./port.js";
import type { Standing } from "./standing.js";
import { Statements } from "./statements.js";

export interface RegistryOptions {
  readonly store: RegistryStore;
  /** Signs documents and statements. */
  readonly authority: Ed25519SecretKey;
  /** Makers' roots that mean hardware; none: every TPM counts as an emulated one. */
  readonly roots: HardwareRoots;
  /** Whose boot approvals documents may rest on: P-256 points of 65 bytes. */
  readonly updateKeys: readonly Uint8Array[] | "any";
  /** Of an LCT that speaks here, whoever enrolled it: verified, under an accepted authority. */
  readonly documentOf?: (lct: LctId) => Promise<LctDocument | undefined>;
  readonly clock: Pick<Clock, "now">;
  readonly entropy: Entropy;
  readonly logger: Logger;
}

export interface GrantedToken {
  /** To be handed to the applicant; nothing here can tell it again. */
  readonly token: string;
  readonly expires: Millis;
}

/** What anyone may know of an LCT. `pending`: a challenge is outstanding, and there is no document yet. */
export interface LctStanding {
  readonly lct: LctId;
  readonly state: LctState;
  /** Of the state, ms; of a pending one when its challenge expires. */
  readonly since: Millis;
  readonly document: Uint8Array | undefined;
  /** Oldest first. */
  readonly statements: readonly Uint8Array[];
}

/** Hours that a token can be used, unless the operator says otherwise. */
const TOKEN_HOURS = 24;
const MOST_TOKEN_HOURS = 24 * 366;
const TOKEN_BYTES = 32;
const MOST_OUTSTANDING = 1_024;
const PAGE = 1_000;
const HOUR = 3_600_000;

export class LctRegistry implements Standing {
  readonly #options: RegistryOptions;
  readonly #registrar: Registrar;
  readonly #statements: Statements;
  readonly #ended: EndedLcts;

  private constructor(options: RegistryOptions, ended: EndedLcts) {
    this.#options = options;
    this.#registrar = new Registrar(options);
    this.#statements = new Statements(options);
    this.#ended = ended;
  }

  static async open(options: RegistryOptions): Promise<LctRegistry> {
    return new LctRegistry(options, await EndedLcts.of(options.store));
  }

  /** Ed25519, 32 bytes. */
  get authorityKey(): Uint8Array {
    return this.#registrar.publicKey;
  }

  /**
   * A token for one enrolment. Throws RegistryError `grant`: the predecessor is not known here, was slashed, or the
   * hours are out of bounds.
   */
  async grant(grant: Partial<EnrolmentGrant> & { readonly hours?: number }): Promise<GrantedToken> {
    const { kind = "pack", context = [], succeeds, hours = TOKEN_HOURS } = grant;
    const { store, entropy, clock, logger } = this.#options;
    if (!(hours > 0 && hours <= MOST_TOKEN_HOURS)) {
      throw new RegistryError("grant", `a token is good for up to ${MOST_TOKEN_HOURS} hours`);
    }
    if (succeeds !== undefined) await this.#requireSucceedable(succeeds);
    const token = Buffer.from(entropy.bytes(TOKEN_BYTES)).toString("base64url");
    const created = clock.now();
    const expires = millis(Math.floor(created + hours * HOUR));
    const hash = hashOf(token);
    await store.addToken({ kind, context, succeeds, hash, created, expires, spentOn: undefined });
    logger.info("registry.granted", { kind, succeeds, expires });
    return { token, expires };
  }

  /**
   * A challenge for a request. The same request under the same token gets the same challenge, also once it was met;
   * before that another one replaces it. Throws RegistryError `token`, `busy`, `grant`; and what `Registrar.challenge`
   * throws.
   */
  async request(
    token: string,
    bytes: Uint8Array,
  ): Promise<{ readonly id: Uint8Array; readonly challenge: Uint8Array }> {
    const { store, clock, logger } = this.#options;
    const now = clock.now();
    const granted = await this.#tokenOf(token);
    const known = await store.pending(granted.hash);
    const isSame = known !== undefined && bytesEqual(known.request, bytes);
    if (isSame && (granted.spentOn !== undefined || known.expires >= now)) return known;
    requireUnspent(granted);
    const pending = this.#registrar.challenge(bytes, granted, now);
    if (granted.succeeds !== undefined) await this.#requireSucceedable(granted.succeeds);
    const limits = { most: MOST_OUTSTANDING, now };
    if ((await store.keepPending(granted.hash, pending, limits)) === "full") {
      throw new RegistryError("busy", "too many challenges are outstanding: ask again later");
    }
    logger.info("registry.challenged", { lct: pending.lct, why: pending.why });
    return pending;
  }

  /**
   * The result of an enrolment; again where it was met before, for whoever proves the same again, since an answer may be
   * lost. Throws RegistryError `token`, `enrolment` (no such challenge is outstanding), `enrolled`, `grant`; and what
   * `Registrar.activate` throws.
   */
  async activate(token: string, id: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
    const { store, clock } = this.#options;
    const granted = await this.#tokenOf(token);
    const pending = await store.pending(granted.hash);
    if (pending === undefined || !bytesEqual(pending.id, id)) {
      requireUnspent(granted);
      throw new RegistryError("enrolment", "no such challenge is outstanding: ask for one");
    }
    if (granted.spentOn === undefined) {
      const enrolled = this.#registrar.activate(pending, bytes, clock.now());
      await this.#settle(granted, pending, enrolled);
    } else {
      this.#registrar.activate(pending, bytes, pending.expires);
    }
    const stored = await store.lct(pending.lct);
    const [status] = stored?.statements ?? [];
    if (stored === undefined || status === undefined) {
      throw new InvariantViolation(`${pending.lct} was enrolled, and is not in the store`);
    }
    return encodeEnrolmentResult({ document: stored.document, status });
  }

  async #settle(
    granted: StoredToken,
    pending: PendingEnrolment,
    enrolled: Enrolled,
  ): Promise<void> {
    const { store, logger } = this.#options;
    const document = verifyLctDocument(enrolled.document, [this.authorityKey]);
    const { lct, binding } = document;
    const { hash, succeeds } = granted;
    const predecessor = succeeds && (await this.#retired(succeeds, lct));
    const admission = this.#statements.admission(document, "enrolled");
    const { hardware, why } = pending;
    const { pcrDigest } = enrolled;
    const outcome = await store.settle(hash, { ...admission, hardware, pcrDigest }, predecessor);
    if (outcome === "spent") throw new RegistryError("token", "the token was used meanwhile");
    requireAdmitted(outcome);
    if (predecessor !== undefined) this.#ended.set(predecessor.lct, predecessor.state);
    logger.info("registry.enrolled", { lct, binding, why, succeeds });
  }

  /**
   * Takes a document that this authority has signed elsewhere, so that its standing can be kept here. Throws DecodeError,
   * LctKeysError `document-…`, RegistryError `enrolled`.
   */
  async adopt(bytes: Uint8Array): Promise<LctId> {
    const document = verifyLctDocument(bytes, [this.authorityKey]);
    const { lct } = document;
    if (!(await this.#options.store.admit(this.#statements.admission(document, "adopted")))) {
      throw new RegistryError("enrolled", `${lct} is known here already`);
    }
    return lct;
  }

  /** The hardware is gone. Throws RegistryError `lct`, `final`. */
  async void(lct: LctId, reason: string): Promise<void> {
    const known = await this.#known(lct);
    if (known === undefined) throw new RegistryError("lct", `${lct} is not known here`);
    const ending = this.#statements.ending(lct, "void", reason);
    const { store, logger } = this.#options;
    if (!(await store.end(ending))) {
      throw new RegistryError("final", `${lct} is ${known.state}, and stays so`);
    }
    this.#ended.set(lct, "void");
    logger.warn("registry.void", { lct, reason });
  }

  finalState(pack: PackName): FinalState | undefined {
    return this.#ended.finalState(pack);
  }

  statement(pack: PackName): Promise<Uint8Array | undefined> {
    return this.#ended.statement(pack);
  }

  /** What other processes have ended meanwhile. Throws what the store throws. */
  refresh(): Promise<void> {
    return this.#ended.refresh();
  }

  async slash(fork: ForkEvidence, document: LctDocument): Promise<void> {
    const { store, logger } = this.#options;
    const { lct } = document;
    const { kind, size, payload, receipt } = fork;
    const digest = toHex(sha256(payload));
    const reason = `two validly signed ${kind}s at ${size}; evidence sha256 ${digest}`;
    const ending = this.#statements.ending(lct, "slashed", reason);
    const unknown = this.#statements.admission(document, "adopted");
    const ended = await store.slash(ending, { lct, kind, size, payload, receipt }, unknown);
    const state = ended ? "slashed" : (await store.lct(lct))?.state;
    if (state !== undefined && state !== "active") this.#ended.set(lct, state);
    if (ended) logger.error("registry.slashed", { lct, kind, size, evidence: digest });
  }

  /** Undefined where it is not known here. */
  async lct(lct: LctId): Promise<LctStanding | undefined> {
    const { store } = this.#options;
    const known = await store.lct(lct);
    if (known !== undefined) return standingOf(known);
    return (await this.#outstanding()).find((pending) => pending.lct === lct);
  }

  /** In the order of their ids, at most 1,000 after `after`; pending ones are not among them. */
  async lcts(after = ""): Promise<readonly LctStanding[]> {
    return (await this.#options.store.lcts(after, PAGE)).map(standingOf);
  }

  /** What was shown against an LCT that was slashed. */
  evidence(lct: LctId) {
    return this.#options.store.evidence(lct);
  }

  /** Tokens without their secrets, oldest first. */
  tokens() {
    return this.#options.store.tokens();
  }

  async #outstanding(): Promise<readonly LctStanding[]> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const pending = (await store.outstanding()).filter(({ expires }) => expires >= now);
    return pending.map(({ lct, expires }) => ({
      lct,
      state: "pending",
      since: expires,
      document: undefined,
      statements: [],
    }));
  }

  async #tokenOf(token: string): Promise<StoredToken> {
    const { store, clock } = this.#options;
    const found = await store.token(hashOf(token));
    if (found === undefined) {
      throw new RegistryError("token", "the token is not known here: have one granted");
    }
    if (found.spentOn === undefined && found.expires < clock.now()) {
      throw new RegistryError("token", "the token has expired: have another one granted");
    }
    return found;
  }

  /** One that speaks here is taken in, whoever enrolled it. */
  async #known(lct: LctId): Promise<StoredLct | undefined> {
    const { store, documentOf } = this.#options;
    const known = await store.lct(lct);
    if (known !== undefined) return known;
    const document = await documentOf?.(lct);
    if (document === undefined) return undefined;
    await store.admit(this.#statements.admission(document, "adopted"));
    return store.lct(lct);
  }

  /** A slashed LCT hands nothing on: what is proven against it stays with whoever had it. */
  async #requireSucceedable(lct: LctId): Promise<StoredLct> {
    const known = await this.#known(lct);
    if (known === undefined) {
      throw new RegistryError("grant", `${lct} is not known here: adopt its document first`);
    }
    if (known.state === "slashed" || known.state === "retired") {
      throw new RegistryError("grant", `${lct} is ${known.state}: it can have no successor`);
    }
    return known;
  }

  /** Undefined where it is void already. */
  async #retired(lct: LctId, by: LctId): Promise<Ending | undefined> {
    const { state } = await this.#requireSucceedable(lct);
    return state === "active"
      ? this.#statements.ending(lct, "retired", `succeeded by ${by}`)
      : undefined;
  }
}

function requireUnspent({ spentOn }: StoredToken): void {
  if (spentOn === undefined) return;
  throw new RegistryError("token", `the token was used for ${spentOn}: have another one granted`);
}

function hashOf(token: string): Uint8Array {
  return sha256(utf8(token));
}

function standingOf({ lct, state, since, document, statements }: StoredLct): LctStanding {
  return { lct, state, since, document, statements };
}

const TAKEN = {
  "anchor-known": "this anchor has an LCT here already: an anchor never gets another",
  "hardware-known":
    "this TPM has an active LCT of this kind: void it, or have a token granted that succeeds it",
} as const satisfies Record<Exclude<Admitted, "admitted">, string>;

function requireAdmitted(outcome: Admitted): void {
  if (outcome !== "admitted") throw new RegistryError("enrolled", TAKEN[outcome]);
}
