/** The fold and the plain lists side by side: every entry goes to both, and they have to agree. */
import { millis } from "@wattseal/base";
import { decodeEntry, type EntryBody, encodeEntry } from "../entries/entry.js";
import { LedgerError } from "../errors.js";
import { MINUTE, START } from "../ledger.fixture.js";
import { PACK } from "../samples.fixture.js";
import { type SocietyState, societyState } from "../snapshot/state.js";
import { written } from "../written.fixture.js";
import type { Dice } from "./dice.fixture.js";
import type { DueEntry } from "./dues.js";
import { type SocietyEntry, SocietyFold } from "./fold.js";
import { type PlainDue, PlainSociety } from "./plain.fixture.js";
import type { EpochState } from "./policy.js";
import type { SocietySummary } from "./summary.js";

const ACCOUNTS = Object.keys(new PlainSociety().summary()) as (keyof SocietySummary)[];

interface Context {
  epochState: EpochState;
  synchronised: boolean;
}
interface Step extends Context {
  readonly bytes: Uint8Array;
}

function foldIn(context: Context, saved?: SocietyState): SocietyFold {
  return new SocietyFold(
    Object.assign(context, {
      lct: PACK,
      verifyAuthority: (payload: Uint8Array) => ({ payload }),
      verifyForeign: () => {
        throw new Error("this society is alone");
      },
    }),
    saved,
  );
}

export class SideBySide {
  readonly plain = new PlainSociety();
  readonly steps: Step[] = [];
  /** How often each kind of entry was taken, or refused. */
  readonly counts = new Map<string, number>();
  readonly context: Context = { epochState: "attested", synchronised: true };
  readonly fold = foldIn(this.context);
  now: number = START;
  /** Summaries by how many entries were applied. */
  readonly #snapshots = new Map<number, SocietySummary>();
  /** mWh that each charge took from eligible, less what expired of it. */
  readonly #unexpired = new Map<number, number>();
  #before: SocietySummary = this.fold.summary();
  /** mWh that windows brought in, and of which lots were made. */
  #gained = 0n;
  #made = 0n;

  /** Another fold that reads the same entries from their bytes, and now and then its own state. */
  replay(): SocietyFold {
    const context: Context = { epochState: "attested", synchronised: true };
    let again = foldIn(context);
    for (const [index, { bytes, epochState, synchronised }] of this.steps.entries()) {
      Object.assign(context, { epochState, synchronised });
      again.apply(index, decodeEntry(bytes) as SocietyEntry);
      const then = this.#snapshots.get(index + 1);
      if (then === undefined) continue;
      again = foldIn(context, written(societyState, again.save()));
      same(again.summary(), then);
    }
    Object.assign(context, this.context);
    return again;
  }

  apply<T extends SocietyEntry["type"]>(type: T, body: EntryBody<T>): number {
    const index = this.steps.length;
    const entry = { type, timeMs: millis(this.now), body } as SocietyEntry;
    this.fold.apply(index, entry);
    this.steps.push({ bytes: encodeEntry(entry), ...this.context });
    this.#attribute(type);
    if (entry.type === "society.charge") this.#unexpired.set(index, entry.body.amount);
    this.count(type);
    if (index % 500 === 0) this.#snapshots.set(index + 1, this.#before);
    return index;
  }

  /** Both invariants, and where tokens may come from: nothing but what windows measured, once. */
  #attribute(type: SocietyEntry["type"]): void {
    const s = this.fold.summary();
    const was = this.#before;
    require(s.atp + s.reserved + s.adp === s.supply, "tokens are the supply");
    const stock = s.atp + s.reserved + s.eligible + s.withheld + s.unclaimed - s.deficit;
    require(stock === s.opening + s.net - s.recordedLoss, "energy is what was measured");
    const made = s.atp + s.reserved - (was.atp + was.reserved);
    const makes = type === "society.charge" || type === "society.certify";
    require(made <= 0 || makes, `${type} makes no ATP`);
    require(s.withheld <= was.withheld || type === "society.charge", `${type} withholds nothing`);
    require(s.eligible <= was.eligible || type === "energy.window", `${type} earns nothing`);
    this.#gained += BigInt(Math.max(0, s.net - was.net));
    this.#made += BigInt(Math.max(0, made));
    require(this.#made <= this.#gained, "ATP is made of measured charge, once");
    this.#before = s;
  }

  agree(): void {
    same(this.#before, this.plain.summary());
  }

  /** Until nothing is due; now and then something comes before, and is refused. */
  settle(dice: Dice): void {
    const { fold, plain, now } = this;
    for (;;) {
      const due = this.context.synchronised ? plain.due(now) : undefined;
      const said = fold.dueEntry(millis(now));
      require(due?.type === said?.type, "both find the same due");
      if (due === undefined || said === undefined) return;
      if (dice.below(8) === 0) this.refused("energy.window", this.nextWindow(0), "expire");
      this.#settleOne(said, due);
      plain.settle(due);
    }
  }

  #settleOne(said: DueEntry, due: PlainDue): void {
    if (said.type === "society.trade") throw new Error("this society trades with nobody");
    require(sameItems(said.body.lots, due.lots), "lots are due in the order of their dates");
    this.expired(said.body.lots);
    if (said.type === "society.rollback") {
      this.count(said.body.lots.length > 0 ? "deadline with waste" : "deadline");
      this.apply(said.type, said.body);
      return;
    }
    const { lots, withheld } = said.body;
    require(due.type === said.type && sameItems(withheld, due.withheld), "withheld amounts too");
    this.expired(withheld);
    if (lots.length > 0) this.count("expiry of lots");
    if (withheld.length > 0) this.count("expiry of withheld");
    this.apply(said.type, said.body);
  }

  /** No charge expires for more than it took. */
  expired(items: readonly { readonly charge: number; readonly amount: number }[]): void {
    for (const { charge, amount } of items) {
      const left = (this.#unexpired.get(charge) ?? 0) - amount;
      require(left >= 0, `charge ${charge} expires once`);
      this.#unexpired.set(charge, left);
    }
  }

  nextWindow(net: number): EntryBody<"energy.window"> {
    const [t0, t1] = [millis(this.now - MINUTE), millis(this.now)];
    return { t0, t1, first: undefined, count: 0, net };
  }

  refused<T extends SocietyEntry["type"]>(type: T, body: EntryBody<T>, code: string): void {
    const entry = { type, timeMs: millis(this.now), body } as SocietyEntry;
    let thrown: unknown;
    try {
      this.fold.apply(this.steps.length, entry);
    } catch (error) {
      thrown = error;
    }
    require(thrown instanceof LedgerError && thrown.code === code, `${type} is refused: ${thrown}`);
    same(this.fold.summary(), this.#before);
    this.count("refused");
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

export function require(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

function same(found: SocietySummary, wanted: SocietySummary): void {
  for (const account of ACCOUNTS) {
    if (found[account] === wanted[account]) continue;
    throw new Error(`${account} is ${found[account]}, by the rules ${wanted[account]}`);
  }
}

export function sameItems(
  found: readonly { readonly charge: number; readonly since: number; readonly amount: number }[],
  wanted: typeof found,
): boolean {
  return (
    found.length === wanted.length &&
    found.every(({ charge, since, amount }, i) => {
      const other = wanted[i]!;
      return charge === other.charge && since === other.since && amount === other.amount;
    })
  );
}
