/**
 * Modules' counter statements against the log that carries them (docs/receipt-log.md, Counter statements). A gateway cannot
 * write one: what it makes of a module's energy is held to what the module itself said, hour by hour.
 */
import type { ModuleUid } from "@wattseal/base";
import {
  type CounterReading,
  type DeviceCustody,
  readCounterStatement,
} from "@wattseal/device-keys";
import type { Entry } from "@wattseal/energy-ledger";
import { type CheckedStatements, MAX_WRONG, type StatementFault } from "@wattseal/verifier";

/** What statements are checked with. Modules' halves come from commissioning: a gateway could make up one of its own. */
export interface StatementKeys {
  /** Holds the federation half. */
  readonly custody: DeviceCustody;
  /** Public halves, 32 bytes, by module. */
  readonly halves: ReadonlyMap<ModuleUid, Uint8Array>;
}

/** What a log says of a module's counters where its record ends. */
interface LogCounters {
  readonly in: number;
  readonly out: number;
  readonly boot: number;
}

/** A module's last statement, until the log has said what its counters were after it. */
interface Pending {
  readonly index: number;
  readonly timeMs: number;
  readonly statement: Uint8Array;
}

/** What a reading may be dated ahead of the entry that it is in (rule M-3), ms. */
const AHEAD_MS = 5_000;
const BOOTS = 65_536;

export class StatementBook {
  readonly #keys: StatementKeys | undefined;
  readonly #ends = new Map<ModuleUid, LogCounters>();
  readonly #pending = new Map<ModuleUid, Pending>();
  #held = 0;
  #unchecked = 0;
  #wrong = 0;
  #faults: { index: number; fault: StatementFault }[] = [];

  constructor(keys: StatementKeys | undefined) {
    this.#keys = keys;
  }

  /** `isNew`: no receipt covers the entry yet. What one covers is followed alone. */
  observe(index: number, entry: Entry, isNew: boolean): void {
    const { type, timeMs, body } = entry;
    if (type === "energy.statement") {
      this.#said(body.module, { index, timeMs, statement: body.statement }, isNew);
    } else if (type === "energy.interval" || type === "energy.gap" || type === "energy.reset") {
      if (body.end !== undefined) this.#counted(body.module, body.end, { t1: body.t1, isNew });
    } else if (type === "link.unpaired") {
      this.#ends.delete(body.module);
      this.#pending.delete(body.module);
    }
  }

  #said(module: ModuleUid, pending: Pending, isNew: boolean): void {
    if (isNew) this.#judge(module, pending);
    this.#pending.set(module, pending);
  }

  #counted(
    module: ModuleUid,
    end: LogCounters,
    { t1, isNew }: { readonly t1: number; readonly isNew: boolean },
  ): void {
    this.#ends.set(module, end);
    const pending = this.#pending.get(module);
    if (pending === undefined || t1 <= pending.timeMs + AHEAD_MS) return;
    this.#pending.delete(module);
    if (isNew) this.#compare(module, pending, end);
  }

  /** What became of statements since the last call. */
  take(): CheckedStatements {
    const taken = {
      held: this.#held,
      unchecked: this.#unchecked,
      wrong: this.#wrong,
      faults: this.#faults,
    };
    this.#held = 0;
    this.#unchecked = 0;
    this.#wrong = 0;
    this.#faults = [];
    return taken;
  }

  /** The log's counters before a statement are not beyond the module's. */
  #judge(module: ModuleUid, { index, statement }: Pending): void {
    const said = this.#read(module, statement);
    if (said === "unchecked") this.#unchecked += 1;
    else if (said === "forged") this.#fault(index, "forged");
    else if (isBeyond(this.#ends.get(module), said)) this.#fault(index, "contradicted");
    else this.#held += 1;
  }

  /** The log's counters after a statement are not behind the module's. */
  #compare(module: ModuleUid, { index, statement }: Pending, end: LogCounters): void {
    const said = this.#read(module, statement);
    if (typeof said === "object" && isBehind(end, said)) this.#fault(index, "contradicted");
  }

  #read(module: ModuleUid, statement: Uint8Array): CounterReading | "unchecked" | "forged" {
    const half = this.#keys?.halves.get(module);
    if (this.#keys === undefined || half === undefined) return "unchecked";
    return readCounterStatement(statement, this.#keys.custody, half) ?? "forged";
  }

  #fault(index: number, fault: StatementFault): void {
    this.#wrong += 1;
    if (this.#faults.length < MAX_WRONG) this.#faults.push({ index, fault });
  }
}

/** Starts are counted modulo 2^16: fewer than half of that lie between two readings. */
function startsBetween(earlier: number, later: number): number {
  return (later - earlier + BOOTS) % BOOTS;
}

function isBeyond(end: LogCounters | undefined, said: CounterReading): boolean {
  if (end === undefined) return false;
  const starts = startsBetween(said.boot, end.boot);
  if (starts > 0) return starts < BOOTS / 2;
  return end.in > said.inMwh || end.out > said.outMwh;
}

function isBehind(end: LogCounters, said: CounterReading): boolean {
  const starts = startsBetween(said.boot, end.boot);
  if (starts > 0) return starts >= BOOTS / 2;
  return end.in < said.inMwh || end.out < said.outMwh;
}

/** Both together, in their order. */
export function bothOf(a: CheckedStatements, b: CheckedStatements): CheckedStatements {
  return {
    held: a.held + b.held,
    unchecked: a.unchecked + b.unchecked,
    wrong: a.wrong + b.wrong,
    faults: [...a.faults, ...b.faults].slice(0, MAX_WRONG),
  };
}
