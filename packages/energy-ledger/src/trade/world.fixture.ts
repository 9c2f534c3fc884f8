/**
 * Societies that see each other's logs, without keys: a proof names an entry and who cosigned, and holds where that
 * entry is among those that the witness has seen.
 */
import { fromUtf8, type LctId, lctId, millis, milliwattHours, utf8 } from "@wattseal/base";
import { encodeAs } from "../codec/schema.js";
import { decodeEntry, type EntryBody, encodeEntry } from "../entries/entry.js";
import {
  mintPayload,
  type PolicyPayload2,
  policyPayload2,
  sourcePayload,
} from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import { StorageRecords } from "../exports/storage.js";
import type { StorageRecord } from "../exports/storage-record.js";
import { MINUTE, payloadOf, START, unsigned } from "../ledger.fixture.js";
import { type SocietyState, societyState } from "../snapshot/state.js";
import type { ForeignEntry } from "../society/charter.js";
import { type SocietyEntry, SocietyFold } from "../society/fold.js";
import type { EpochState } from "../society/policy.js";
import { heldBy } from "../society/summary.js";
import { written } from "../written.fixture.js";

const mwh = milliwattHours;

export function nameOf(kind: "pack" | "society", letter: string): LctId {
  return lctId(`lct:${kind}:${letter.repeat(32)}`);
}
export const WITNESS = nameOf("society", "w");
const KEYED = { lct: WITNESS, name: "witness.example", publicKey: new Uint8Array(32).fill(9) };

interface Context {
  epochState: EpochState;
  synchronised: boolean;
}

export class World {
  readonly societies = new Map<LctId, Society>();
  /** Shared by all; each society's own clock may be off by `skew`. */
  now: number = START;

  add(society: Society): Society {
    this.societies.set(society.lct, society);
    return society;
  }

  foreign(proof: Uint8Array, witnesses: readonly { readonly name: string }[]): ForeignEntry {
    const [of, index, by] = JSON.parse(fromUtf8(proof, "proof")) as [LctId, number, string];
    const society = this.societies.get(of);
    if (!witnesses.some(({ name }) => name === by)) throw new Error(`${by} is not accepted`);
    if (society === undefined || index >= society.witnessed) throw new Error("is in no such tree");
    return { lct: of, index, entry: decodeEntry(society.entries[index]!.bytes) };
  }
}

export function proofOf(society: Society, index: number, by = KEYED.name): Uint8Array {
  return utf8(JSON.stringify([society.lct, index, by]));
}

export class Society {
  readonly entries: (Context & { readonly bytes: Uint8Array })[] = [];
  readonly context: Context = { epochState: "attested", synchronised: true };
  /** Entries that the witness has cosigned. */
  witnessed = 0;
  skew = 0;
  /** What an export says of the entries. */
  readonly records: StorageRecord[] = [];
  readonly #storage = new StorageRecords({ origin: "test", size: 1e9, root: "" });
  readonly world: World;
  readonly lct: LctId;
  fold: SocietyFold;
  #last = 0;
  #serial = 0;

  constructor(world: World, lct: LctId) {
    this.world = world;
    this.lct = lct;
    this.fold = this.#foldIn(this.context);
    world.add(this);
  }

  #foldIn(context: Context, saved?: SocietyState): SocietyFold {
    return new SocietyFold(
      Object.assign(context, {
        lct: this.lct,
        verifyAuthority: (statement: Uint8Array) => ({ payload: payloadOf(statement) }),
        verifyForeign: (proof: Uint8Array, witnesses: readonly { readonly name: string }[]) =>
          this.world.foreign(proof, witnesses),
      }),
      saved,
    );
  }

  get now(): number {
    return Math.max(this.#last, this.world.now + this.skew);
  }

  get time() {
    return millis(this.now);
  }

  get size(): number {
    return this.entries.length;
  }

  get summary() {
    return this.fold.summary();
  }

  add<T extends SocietyEntry["type"]>(type: T, body: EntryBody<T>): number {
    const index = this.size;
    const bytes = encodeEntry({ type, timeMs: this.time, body } as SocietyEntry);
    const before = this.summary;
    this.fold.apply(index, decodeEntry(bytes) as SocietyEntry);
    this.records.push(...this.#storage.take(index, decodeEntry(bytes), before, this.summary));
    this.#last = this.now;
    return this.entries.push({ bytes, ...this.context }) - 1;
  }

  /** Expects this entry to be refused, with nothing changed. */
  refuses<T extends SocietyEntry["type"]>(type: T, body: EntryBody<T>): string {
    const before = JSON.stringify([this.summary, this.fold.trades.open(), this.fold.tickets()]);
    try {
      this.fold.apply(this.size, { type, timeMs: this.time, body } as SocietyEntry);
    } catch (thrown) {
      const after = JSON.stringify([this.summary, this.fold.trades.open(), this.fold.tickets()]);
      if (thrown instanceof LedgerError && before === after) return thrown.code;
      throw thrown;
    }
    throw new Error(`${type} was taken`);
  }

  witness(): void {
    this.witnessed = this.size;
  }

  /** All that it knows comes from its log again, or from the state that it had written down. */
  restart(saved = false): void {
    const { epochState, synchronised } = this.context;
    if (saved) {
      this.fold = this.#foldIn(this.context, written(societyState, this.fold.save()));
      return;
    }
    const fold = this.#foldIn(this.context);
    for (const [index, { bytes, ...context }] of this.entries.entries()) {
      Object.assign(this.context, context);
      fold.apply(index, decodeEntry(bytes) as SocietyEntry);
    }
    Object.assign(this.context, { epochState, synchronised });
    this.fold = fold;
  }

  settle(): void {
    for (;;) {
      const due = this.fold.dueEntry(this.time);
      if (due === undefined) return;
      this.add(due.type, due.body);
    }
  }

  window(net: number): void {
    const [t0, t1] = [millis(this.now - MINUTE), this.time];
    this.add("energy.window", { t0, t1, first: undefined, count: 0, net });
  }

  policy(counterparties: readonly LctId[], over: Partial<PolicyPayload2> = {}): void {
    this.#serial += 1;
    const payload: PolicyPayload2 = {
      purpose: "wattseal-policy-2",
      society: this.lct,
      version: this.#serial,
      highBps: 10_000,
      developingBps: 9_000,
      lowBps: 6_000,
      tier: "high",
      lotDays: 7,
      withheldDays: 7,
      wasteAlert: mwh(0),
      declaredCap: mwh(0),
      witnesses: [KEYED],
      counterparties,
      ...over,
    };
    this.add("society.policy", { sign1: unsigned(encodeAs(policyPayload2, payload)) });
  }

  mint(amount: number): void {
    this.#serial += 1;
    const mint = { purpose: "wattseal-mint-1", society: this.lct, serial: this.#serial } as const;
    this.add("society.mint", { sign1: encodeAs(mintPayload, { ...mint, amount: mwh(amount) }) });
  }

  source(): void {
    const payload = { purpose: "wattseal-source-1", society: this.lct, source: "roof" } as const;
    const rated = { kind: "solar", ratedWatts: 2 ** 31 - 1, meter: undefined } as const;
    const proof = { ...payload, ...rated, provenAt: this.time };
    this.add("society.source", { sign1: encodeAs(sourcePayload, proof) });
  }

  /** A lot of this much, charged now. */
  charge(amount: number): void {
    this.window(amount);
    this.add("society.charge", this.fold.chargeFor(this.time, "roof")!);
  }

  /** Entries that witness and counterparties may see. */
  escrow(amount: number, over: Partial<TradeTerms> & Pick<TradeTerms, "buyer">): TradeTerms {
    const order = { witness: WITNESS, amount: mwh(amount), rateBps: 10_000, fee: mwh(0) };
    const decideBy = millis(this.now + 10 * MINUTE);
    const terms = this.fold.trades.escrowFor(this.size, { ...order, decideBy, ...over });
    this.add("society.escrow", { ...terms, ...over });
    this.witness();
    return { ...terms, ...over };
  }
}

/** Energy on the book that is neither measured nor owed: nothing, by invariant 3. */
export function unexplained({ summary }: Society): number {
  const { opening, net, recordedLoss, claims } = summary;
  return heldBy(summary) - (opening + net - recordedLoss + claims);
}
