import { type LctId, type Millis, milliwattHours } from "@wattseal/base";
import { decodeAs, type Schema } from "../codec/schema.js";
import type { EnergyReconcile, EnergyWindow } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import { type StatusPayload, statusPayload } from "../entries/lifecycle.js";
import {
  MAX_EXPIRED,
  mintPayload,
  type PolicyPayload,
  policyPayload,
  type SocietyCharge,
  type SocietyExpire,
  sourcePayload,
} from "../entries/society.js";
import { LedgerError } from "../errors.js";
import { SocietyBook, type SocietySummary } from "./book.js";
import {
  checkPolicy,
  DAY,
  type EpochState,
  largestWithShare,
  shareOf,
  tierBpsOf,
} from "./policy.js";
import type { Dated } from "./queue.js";
import { SourceBook } from "./sources.js";

/** What the society's rules depend on and other entries say. */
export interface SocietyContext {
  /** The log's LCT: a pack's log is one society. */
  readonly lct: LctId | undefined;
  readonly epochState: EpochState | undefined;
  /** Whether the wall clock is: only synchronised time expires anything. */
  readonly synchronised: boolean;
  /** The payload of an authority's COSE_Sign1; throws unless an accepted authority signed it. */
  verifyAuthority(sign1: Uint8Array, index: number): { readonly payload: Uint8Array };
}

/** Entries that move the society. */
export type SocietyEntry = Entry<
  | "lct.status"
  | "society.mint"
  | "society.source"
  | "society.policy"
  | "society.charge"
  | "society.expire"
  | "energy.window"
  | "energy.reconcile"
>;

const DEFAULT_LIFE_DAYS = 7;

/**
 * The ATP/ADP society as a fold: state(n) from state(n − 1) and one entry. Memory is bounded by what has not
 * expired, not by the log.
 */
export class SocietyFold {
  readonly #context: SocietyContext;
  readonly #book = new SocietyBook();
  readonly #sources = new SourceBook();
  #policy: PolicyPayload | undefined;
  #lastSerial = 0;
  #opened = false;
  #windows = false;
  #closed: StatusPayload["state"] | undefined;

  constructor(context: SocietyContext) {
    this.#context = context;
  }

  /** An opening stock may no longer be entered: it has been, or a window has closed without. */
  get opened(): boolean {
    return this.#opened || this.#windows;
  }

  get policy(): PolicyPayload | undefined {
    return this.#policy;
  }

  summary(): SocietySummary {
    return this.#book.summary();
  }

  /** The part of a window's net that the accounts can take; see `SocietyBook.countable`. */
  countable(net: number): number {
    return this.#book.countable(net);
  }

  /** Throws LedgerError and changes nothing, or InvariantViolation when both would not add up any more. */
  apply(index: number, entry: SocietyEntry): void {
    this.#apply(index, entry);
    this.#book.check();
  }

  #apply(index: number, { type, body, timeMs }: SocietyEntry): void {
    switch (type) {
      case "lct.status":
        this.#status(index, body.sign1);
        break;
      case "society.mint":
        this.#mint(index, body.sign1);
        break;
      case "society.source":
        this.#source(index, body.sign1, timeMs);
        break;
      case "society.policy":
        this.#setPolicy(index, body.sign1);
        break;
      case "society.charge":
        this.#charge(index, body, timeMs);
        break;
      case "society.expire":
        this.#expire(body, timeMs);
        break;
      case "energy.window":
        this.#window(body, timeMs);
        break;
      case "energy.reconcile":
        this.#reconcile(body, timeMs);
        break;
    }
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

  #requireOpen(): void {
    if (this.#closed === undefined) return;
    throw new LedgerError("closed", `the society is closed: its LCT is ${this.#closed}`);
  }

  #status(index: number, sign1: Uint8Array): void {
    const status = this.#payload(index, sign1, statusPayload, "LCT status");
    if (status.lct !== this.#context.lct) return;
    this.#requireOpen();
    const { state } = status;
    if (state === "void" || state === "slashed" || state === "retired") this.#closed = state;
  }

  #mint(index: number, sign1: Uint8Array): void {
    this.#requireOpen();
    const mint = this.#payload(index, sign1, mintPayload, "mint");
    this.#requireOurs(mint.society);
    if (mint.serial <= this.#lastSerial) {
      throw new LedgerError("mint", `serial ${mint.serial} is not above ${this.#lastSerial}`);
    }
    this.#book.mint(mint.amount);
    this.#lastSerial = mint.serial;
  }

  #source(index: number, sign1: Uint8Array, now: Millis): void {
    this.#requireOpen();
    const proof = this.#payload(index, sign1, sourcePayload, "source");
    this.#requireOurs(proof.society);
    this.#sources.prove(proof, now);
  }

  #setPolicy(index: number, sign1: Uint8Array): void {
    this.#requireOpen();
    const policy = this.#payload(index, sign1, policyPayload, "policy");
    this.#requireOurs(policy.society);
    checkPolicy(policy, this.#policy);
    this.#policy = policy;
  }

  /** The policy and the share in force. */
  #terms() {
    const policy = this.#policy;
    const { epochState } = this.#context;
    if (policy === undefined || epochState === undefined) {
      throw new LedgerError("charge", "no policy is in force");
    }
    return { policy, tierBps: tierBpsOf(policy, epochState) };
  }

  #charge(index: number, charge: SocietyCharge, now: Millis): void {
    this.#requireOpen();
    this.#requireNothingDue(now);
    const { policy, tierBps } = this.#terms();
    const { amount, sources } = charge;
    if (charge.tierBps !== tierBps) {
      throw new LedgerError("charge", `tierBps is ${charge.tierBps}, but ${tierBps} is in force`);
    }
    const named = sources.reduce((sum, part) => sum + part.amount, 0);
    if (named !== amount) {
      throw new LedgerError("charge", `the sources add up to ${named} mWh, not ${amount}`);
    }
    if (amount > this.#book.eligible) {
      throw new LedgerError("charge", `${amount} mWh, but ${this.#book.eligible} are eligible`);
    }
    const lot = shareOf(amount, tierBps);
    if (lot > this.#book.adp) {
      throw new LedgerError("charge", `a lot of ${lot} mWh, but ADP is ${this.#book.adp}`);
    }
    this.#sources.check(sources, now, policy.declaredCap);
    this.#sources.use(sources);
    this.#book.charge(index, now, milliwattHours(lot), milliwattHours(amount - lot));
  }

  /** The next charge entry from one source, as large as the rules allow now; undefined when they allow none. */
  chargeFor(now: Millis, source: string): SocietyCharge | undefined {
    if (this.#policy === undefined || this.#closed !== undefined) return undefined;
    const { policy, tierBps } = this.#terms();
    const amount = Math.min(
      this.#book.eligible,
      largestWithShare(this.#book.adp, tierBps),
      this.#sources.left(source, now, policy.declaredCap),
    );
    if (amount < 1) return undefined;
    const energy = milliwattHours(amount);
    return { amount: energy, sources: [{ source, amount: energy }], tierBps };
  }

  #dated(days: number | undefined, now: Millis): number {
    return now - (days ?? DEFAULT_LIFE_DAYS) * DAY;
  }

  /**
   * The expire entry that has to come before the next window, charge or reconcile at `now`; undefined when
   * nothing is due. One entry holds a bounded number of items: ask again after it.
   */
  dueExpiries(now: Millis): SocietyExpire | undefined {
    if (!this.#context.synchronised) return undefined;
    const lotsUntil = this.#dated(this.#policy?.lotDays, now);
    const withheldUntil = this.#dated(this.#policy?.withheldDays, now);
    const lots = this.#book.lots.datedUntil(lotsUntil, MAX_EXPIRED);
    const withheld = this.#book.withheld.datedUntil(withheldUntil, MAX_EXPIRED);
    return lots.length + withheld.length === 0 ? undefined : { lots, withheld };
  }

  /** Whether an operator should hear of this expire entry's waste. */
  alerts(expire: SocietyExpire): boolean {
    const wasted = expire.lots.reduce((sum, { amount }) => sum + amount, 0);
    return this.#policy !== undefined && wasted > this.#policy.wasteAlert;
  }

  #requireNothingDue(now: Millis): void {
    const due = this.dueExpiries(now);
    if (due === undefined) return;
    const count = due.lots.length + due.withheld.length;
    throw new LedgerError("expire", `${count} lots or withheld amounts are past their date first`);
  }

  #expire(expire: SocietyExpire, now: Millis): void {
    if (!this.#context.synchronised) {
      throw new LedgerError("expire", "the clock is not synchronised: nothing expires");
    }
    const due = this.dueExpiries(now);
    if (due === undefined) throw new LedgerError("expire", "nothing is past its date");
    if (!sameItems(expire.lots, due.lots) || !sameItems(expire.withheld, due.withheld)) {
      throw new LedgerError("expire", "does not name exactly what is past its date, oldest first");
    }
    this.#book.expire(due.lots, due.withheld);
  }

  #window(window: EnergyWindow, now: Millis): void {
    this.#requireNothingDue(now);
    this.#book.move(window.net);
    this.#windows = true;
  }

  #reconcile({ kind, stock }: EnergyReconcile, now: Millis): void {
    if (kind === "opening") {
      const problem = this.#windows ? "comes after a window" : this.#opened ? "comes twice" : "";
      if (problem !== "") throw new LedgerError("reconcile", `the opening stock ${problem}`);
      this.#book.open(stock);
      this.#opened = true;
      return;
    }
    this.#requireNothingDue(now);
    this.#book.reconcile(stock);
  }
}

function sameItems(a: readonly Dated[], b: readonly Dated[]): boolean {
  return (
    a.length === b.length &&
    a.every((item, i) => {
      const other = b[i];
      return (
        item.charge === other?.charge && item.since === other.since && item.amount === other.amount
      );
    })
  );
}
