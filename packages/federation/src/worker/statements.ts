/**
 * Modules' counter statements against the log that carries them (docs/receipt-log.md, Counter statements). A gateway cannot
 * write one: what it makes of a module's energy is held to what the module itself said, hour by hour.
 */
import type { ModuleUid } from "@wattseal/base";
import {
  type CounterReading,
  CounterStatementReader,
  type DeviceCustody,
} from "@wattseal/device-keys";
import type { Entry } from "@wattseal/energy-ledger";
import { type CheckedStatements, MAX_WRONG, type StatementFault } from "@wattseal/verifier";
import { isBehind, isBeyond, isNewer, type LogCounters } from "./counters.js";

/** What statements are checked with. Modules' halves come from commissioning: a gateway could make up one of its own. */
export interface StatementKeys {
  /** Holds the federation half. */
  readonly custody: DeviceCustody;
  /** Public halves, 32 bytes, by module. */
  readonly halves: ReadonlyMap<ModuleUid, Uint8Array>;
}

/** What a module said, verified. */
interface Said {
  readonly index: number;
  readonly timeMs: number;
  readonly reading: CounterReading;
}

/** What a reading may be dated ahead of the entry that it is in (rule M-3), ms. */
const AHEAD_MS = 5_000;
/** Statements of a module that wait for the log's counters after them: an honest log has one or two. */
const MOST_PENDING = 64;

export class StatementBook {
  readonly #keys: StatementKeys | undefined;
  /** Of modules that said something: a key agreement costs ten times what a statement does. */
  readonly #readers = new Map<ModuleUid, CounterStatementReader>();
  readonly #ends = new Map<ModuleUid, LogCounters>();
  /** The newest of each module. A module keeps count over its pairings, so these are kept over them too. */
  readonly #last = new Map<ModuleUid, Said>();
  /** Until the log has said what the counters were after them; in their order. */
  readonly #pending = new Map<ModuleUid, readonly Said[]>();
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
      const reading = this.#read(body.module, body.statement);
      if (typeof reading === "object") this.#said(body.module, { index, timeMs, reading }, isNew);
      else if (isNew && reading === "unchecked") this.#unchecked += 1;
      else if (isNew) this.#fault(index, "forged");
    } else if (type === "energy.interval" || type === "energy.gap" || type === "energy.reset") {
      if (body.end !== undefined) this.#counted(body.module, body.end, { t1: body.t1, isNew });
    } else if (type === "link.unpaired") {
      this.#ends.delete(body.module);
      this.#pending.delete(body.module);
    }
  }

  /** What is not newer is one that was entered before: the word of then does not hold now. */
  #said(module: ModuleUid, said: Said, isNew: boolean): void {
    const last = this.#last.get(module);
    const isLater =
      last === undefined || isNewer(said.reading, last.reading, said.timeMs - last.timeMs);
    if (isNew) {
      const isHeld = isLater && !isBeyond(this.#ends.get(module), said.reading);
      if (isHeld) this.#held += 1;
      else this.#fault(said.index, "contradicted");
    }
    if (!isLater) return;
    this.#last.set(module, said);
    const pending = this.#pending.get(module) ?? [];
    this.#pending.set(module, [...pending.slice(0, MOST_PENDING - 1), said]);
  }

  /** The log's counters after a statement are not behind the module's. */
  #counted(
    module: ModuleUid,
    end: LogCounters,
    { t1, isNew }: { readonly t1: number; readonly isNew: boolean },
  ): void {
    this.#ends.set(module, end);
    const pending = this.#pending.get(module);
    if (pending === undefined) return;
    const isDue = ({ timeMs }: Said) => t1 > timeMs + AHEAD_MS;
    const waiting = pending.filter((said) => !isDue(said));
    if (waiting.length === 0) this.#pending.delete(module);
    else this.#pending.set(module, waiting);
    if (!isNew) return;
    for (const { index, reading } of pending.filter(isDue)) {
      if (isBehind(end, reading)) this.#fault(index, "contradicted");
    }
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

  #read(module: ModuleUid, statement: Uint8Array): CounterReading | "unchecked" | "forged" {
    const reader = this.#reader(module);
    return reader === undefined ? "unchecked" : (reader.read(statement) ?? "forged");
  }

  #reader(module: ModuleUid): CounterStatementReader | undefined {
    const known = this.#readers.get(module);
    const half = this.#keys?.halves.get(module);
    if (known !== undefined || this.#keys === undefined || half === undefined) return known;
    const reader = new CounterStatementReader(this.#keys.custody, half);
    this.#readers.set(module, reader);
    return reader;
  }

  #fault(index: number, fault: StatementFault): void {
    this.#wrong += 1;
    if (this.#faults.length < MAX_WRONG) this.#faults.push({ index, fault });
  }
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
