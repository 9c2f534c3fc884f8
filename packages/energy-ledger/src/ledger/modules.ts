import { type MilliwattHours, type ModuleUid, toHex } from "@wattseal/base";
import type {
  Counters,
  EnergyGap,
  EnergyInterval,
  EnergyReset,
  EnergyStatement,
} from "../entries/energy.js";
import type { LinkPaired } from "../entries/lifecycle.js";
import { LedgerError, type LedgerErrorCode } from "../errors.js";
import type { ModuleEnd } from "../metering/meter.js";
import { verdictOf } from "../metering/verdict.js";

interface ModuleState {
  /** Where its record ends; absent until its first interval. */
  end: ModuleEnd | undefined;
  /** mWh, while it is paired. */
  capacity: MilliwattHours | undefined;
}

function refuse(code: LedgerErrorCode, module: ModuleUid, problem: string): never {
  throw new LedgerError(code, `module ${module}: ${problem}`);
}

/** Holds each module's entries to one chain: they tile its time and its counters, and say what the figures say. */
export class ModuleBook {
  readonly #modules = new Map<ModuleUid, ModuleState>();

  end(module: ModuleUid): ModuleEnd | undefined {
    return this.#modules.get(module)?.end;
  }

  /** Uids of modules paired now. */
  paired(): readonly ModuleUid[] {
    const paired = [...this.#modules].filter(([, { capacity }]) => capacity !== undefined);
    return paired.map(([uid]) => uid);
  }

  pair({ module, capacity }: LinkPaired): void {
    this.#state(module).capacity = capacity;
  }

  unpair(module: ModuleUid): void {
    const state = this.#modules.get(module);
    if (state?.capacity === undefined) refuse("pairing", module, "is not paired");
    state.capacity = undefined;
  }

  interval(interval: EnergyInterval): void {
    const { module, t0, t1, start, end } = interval;
    const state = this.#modules.get(module);
    if (t0 > t1) refuse("time", module, "the interval ends before it starts");
    checkRecord(interval);
    checkExtremes(interval);
    checkVerdict(interval, state?.capacity);
    if (state?.end !== undefined) checkTiling(module, state.end, t0, start);
    (state ?? this.#state(module)).end = { t1, end };
  }

  gap({ module, t0, t1, start, end, in: inward, out }: EnergyGap): void {
    const state = this.#continued(module, t0, t1, start);
    const known = start !== undefined && end !== undefined;
    const passedIn = known ? end.in - start.in : 0;
    const passedOut = known ? end.out - start.out : 0;
    if (inward !== passedIn || out !== passedOut) {
      refuse("record", module, "the gap's energy is not its counters' difference");
    }
    state.end = { t1, end };
  }

  reset({ module, t0, t1, start, end }: EnergyReset): void {
    const state = this.#continued(module, t0, t1, start);
    if (end.in >= start.in && end.out >= start.out) {
      refuse("record", module, "a reset where no counter went back");
    }
    state.end = { t1, end };
  }

  /** A statement names its module in its first 8 bytes, and only a paired module has a word to give. */
  statement({ module, statement }: EnergyStatement): void {
    if (this.#modules.get(module)?.capacity === undefined)
      refuse("pairing", module, "is not paired");
    const speaker = toHex(statement.subarray(0, 8));
    if (speaker !== module) refuse("record", module, `the statement is of module ${speaker}`);
  }

  #state(module: ModuleUid): ModuleState {
    const known = this.#modules.get(module);
    if (known !== undefined) return known;
    const state = { end: undefined, capacity: undefined };
    this.#modules.set(module, state);
    return state;
  }

  #continued(module: ModuleUid, t0: number, t1: number, start: Counters | undefined) {
    const state = this.#modules.get(module);
    if (state?.end === undefined) refuse("tiling", module, "a hole before its first interval");
    if (t0 > t1) refuse("time", module, "the hole ends before it starts");
    checkTiling(module, state.end, t0, start);
    return state;
  }
}

function checkTiling(
  module: ModuleUid,
  last: ModuleEnd,
  t0: number,
  start: Counters | undefined,
): void {
  if (t0 !== last.t1) {
    refuse("tiling", module, `starts at ${t0}, but its record ends at ${last.t1}`);
  }
  const { end } = last;
  if (start?.in === end?.in && start?.out === end?.out && start?.boot === end?.boot) return;
  refuse("tiling", module, "starts at other counters than its record ends with");
}

function checkRecord(interval: EnergyInterval): void {
  const { module, start, end, digest } = interval;
  if ((start === undefined) !== (end === undefined)) {
    refuse("record", module, "has counters at one end only");
  }
  if ((start === undefined) !== (digest === undefined)) {
    refuse("record", module, "has counters without a digest, or a digest without counters");
  }
  const ofCounters = start !== undefined && end !== undefined;
  const inward = ofCounters ? end.in - start.in : interval.integralIn;
  const outward = ofCounters ? end.out - start.out : interval.integralOut;
  if (interval.in === inward && interval.out === outward) return;
  const source = ofCounters ? "counters' difference" : "integral";
  refuse("record", module, `energy of record is not the ${source}`);
}

function checkExtremes(i: EnergyInterval): void {
  const ordered =
    i.voltageLow <= i.voltageHigh &&
    i.currentLow <= i.currentHigh &&
    i.temperatureLow <= i.temperatureHigh;
  if (!ordered) refuse("record", i.module, "a lowest value is above the highest");
  if (i.readings === 0) refuse("record", i.module, "an interval without a reading");
}

/** A gateway may be stricter than the figures (it may know more), never milder. */
function checkVerdict(interval: EnergyInterval, capacity: number | undefined): void {
  const { module, verdict } = interval;
  if (interval.start !== undefined && capacity === undefined) {
    refuse("pairing", module, "has authenticated counters, but is not paired");
  }
  const earned = verdictOf(interval, capacity ?? 0);
  if (verdict === earned || (earned === "consistent" && verdict === "suspect")) return;
  refuse("verdict", module, `verdict is ${verdict}, but the figures say ${earned}`);
}
