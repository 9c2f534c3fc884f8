import {
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  milliwattHours,
  toHex,
} from "@wattseal/base";
import type {
  Counters,
  EnergyGap,
  EnergyInterval,
  EnergyReset,
  EnergyStatement,
} from "../entries/energy.js";
import type { LinkPaired } from "../entries/lifecycle.js";
import { LedgerError, type LedgerErrorCode } from "../errors.js";
import { exceedsExtremes, isTooLong, mostHeld } from "../metering/limits.js";
import type { ModuleEnd } from "../metering/meter.js";
import { judge, NOTHING_USED, type ToleranceUse } from "../metering/verdict.js";
import { FULL_RESOLUTION } from "../metering/window.js";
import type { ModulesState, PairingState } from "../snapshot/state.js";
import { type Counted, UnprovenFlow } from "./unproven.js";

/** A record may end this long after its entry's time, ms: the bus's time stamps and the wall clock are two clocks. */
export const AHEAD = 5_000;

interface ModuleState {
  /** Where its record ends; absent until its first interval. */
  end: ModuleEnd | undefined;
  /** While it is paired. */
  pairing: PairingState | undefined;
  readonly unproven: UnprovenFlow;
}

function refuse(code: LedgerErrorCode, module: ModuleUid, problem: string): never {
  throw new LedgerError(code, `module ${module}: ${problem}`);
}

/** Holds each module's entries to one chain: they tile its time and its counters, and say what the figures say. */
export class ModuleBook {
  readonly #modules: Map<ModuleUid, ModuleState>;

  constructor(saved: ModulesState = []) {
    this.#modules = new Map(
      saved.map(({ module, pairing, end, unproven }) => [
        module,
        { end, pairing: pairing && owned(pairing), unproven: new UnprovenFlow(unproven) },
      ]),
    );
  }

  save(): ModulesState {
    return [...this.#modules]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([module, { pairing, end, unproven }]) => ({
        module,
        pairing,
        end,
        unproven: unproven.save(),
      }));
  }

  end(module: ModuleUid): ModuleEnd | undefined {
    return this.#modules.get(module)?.end;
  }

  /** Uids of modules paired now. */
  paired(): readonly ModuleUid[] {
    const paired = [...this.#modules].filter(([, { pairing }]) => pairing !== undefined);
    return paired.map(([uid]) => uid);
  }

  /** What the link.paired in force says of a module. */
  pairing(module: ModuleUid): PairingState | undefined {
    return this.#modules.get(module)?.pairing;
  }

  pair({ module, ...pairing }: LinkPaired): void {
    this.#state(module).pairing = owned(pairing);
  }

  unpair(module: ModuleUid): void {
    const state = this.#modules.get(module);
    if (state?.pairing === undefined) refuse("pairing", module, "is not paired");
    if (state.end === undefined) this.#modules.delete(module);
    else state.pairing = undefined;
  }

  /** Takes an interval of an entry dated `now`, at a resolution of `minutes`; returns what counts of it. */
  interval(interval: EnergyInterval, now: Millis, minutes: number): Counted {
    const { module, t0, t1, start, end, in: inward, out } = interval;
    const known = this.#modules.get(module);
    checkTime(module, t0, t1, now);
    checkRecord(interval);
    checkExtremes(interval, minutes);
    const used = checkVerdict(interval, known);
    if (known?.end !== undefined) checkTiling(module, known.end, t0, start);
    const state = known ?? this.#state(module);
    state.end = { t1, end, used };
    if (interval.verdict === "consistent") return { in: inward, out, net: inward - out };
    return state.unproven.count(t1, inward, out, mostHeld(capacityOf(state)));
  }

  /** Returns what counts of the gap. */
  gap({ module, t0, t1, start, end, in: inward, out }: EnergyGap, now: Millis): Counted {
    const { state, used } = this.#continued(module, t0, t1, start, now);
    const known = start !== undefined && end !== undefined;
    const passedIn = known ? end.in - start.in : 0;
    const passedOut = known ? end.out - start.out : 0;
    if (inward !== passedIn || out !== passedOut) {
      refuse("record", module, "the gap's energy is not its counters' difference");
    }
    state.end = { t1, end, used };
    return state.unproven.count(t1, inward, out, mostHeld(capacityOf(state)));
  }

  reset({ module, t0, t1, start, end }: EnergyReset, now: Millis): void {
    const { state, used } = this.#continued(module, t0, t1, start, now);
    if (end.in >= start.in && end.out >= start.out) {
      refuse("record", module, "a reset where no counter went back");
    }
    state.end = { t1, end, used };
  }

  /** A statement names its module in its first 8 bytes, and only a paired module has a word to give. */
  statement({ module, statement }: EnergyStatement): void {
    if (this.pairing(module) === undefined) refuse("pairing", module, "is not paired");
    const speaker = toHex(statement.subarray(0, 8));
    if (speaker !== module) refuse("record", module, `the statement is of module ${speaker}`);
  }

  #state(module: ModuleUid): ModuleState {
    const known = this.#modules.get(module);
    if (known !== undefined) return known;
    const state = { end: undefined, pairing: undefined, unproven: new UnprovenFlow() };
    this.#modules.set(module, state);
    return state;
  }

  #continued(module: ModuleUid, t0: Millis, t1: Millis, start: Counters | undefined, now: Millis) {
    const state = this.#modules.get(module);
    if (state?.end === undefined) refuse("tiling", module, "a hole before its first interval");
    checkTime(module, t0, t1, now);
    checkTiling(module, state.end, t0, start);
    return { state, used: state.end.used };
  }
}

/** mWh; 0 when it is unknown or the module is not paired. */
function capacityOf(state: ModuleState | undefined): MilliwattHours {
  return state?.pairing?.capacity ?? milliwattHours(0);
}

/** With keys that are no views of an entry, which would be kept with them. */
function owned(pairing: PairingState): PairingState {
  const { moduleKey, packKey } = pairing;
  return { ...pairing, moduleKey: moduleKey.slice(), packKey: packKey.slice() };
}

function checkTime(module: ModuleUid, t0: Millis, t1: Millis, now: Millis): void {
  if (t0 > t1) refuse("time", module, "its record ends before it starts");
  if (t1 > now + AHEAD)
    refuse("time", module, `its record ends at ${t1}, after its entry's ${now}`);
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

/** What contradicts itself no gateway has measured; counters that the readings do not bear out are a verdict's matter. */
function checkExtremes(i: EnergyInterval, minutes: number): void {
  const ordered =
    i.voltageLow <= i.voltageHigh &&
    i.currentLow <= i.currentHigh &&
    i.temperatureLow <= i.temperatureHigh;
  if (!ordered) refuse("record", i.module, "a lowest value is above the highest");
  if (i.readings === 0) refuse("record", i.module, "an interval without a reading");
  if (isTooLong(i, minutes)) {
    const closes =
      minutes === FULL_RESOLUTION ? "a minute closes it" : `${minutes} minutes close it`;
    refuse("record", i.module, `an interval of ${i.t1 - i.t0} ms, where ${closes}`);
  }
  if (exceedsExtremes(i)) {
    refuse("record", i.module, "the integral is more than its extremes allow in the time");
  }
}

/**
 * A gateway may be stricter than the figures (it may know more), never milder. Returns what is used of the
 * tolerance then.
 */
function checkVerdict(interval: EnergyInterval, state: ModuleState | undefined): ToleranceUse {
  const { module, verdict } = interval;
  if (interval.start !== undefined && state?.pairing === undefined) {
    refuse("pairing", module, "has authenticated counters, but is not paired");
  }
  const before = state?.end?.used ?? NOTHING_USED;
  const earned = judge(interval, capacityOf(state), before);
  if (verdict === earned.verdict) return earned.used;
  if (earned.verdict === "consistent" && verdict === "suspect") return before;
  return refuse("verdict", module, `verdict is ${verdict}, but the figures say ${earned.verdict}`);
}
