/**
 * The passport document: each figure with its unit, its definition, and where the names come from.
 * Regulation (EU) 2023/1542, Annex VII Part B and Annex XIII point 4; clauses and units of DIN DKE SPEC 99100:2025-02;
 * property names of the Battery Pass data model 1.2.1 (io.BatteryPass.Performance). docs/exports.md says which of
 * these texts were read, and which are known from others only.
 */
import type { LctId } from "@wattseal/base";
import type { EventCount, EventName, ExtremeTime, PassportLimits } from "./events.js";
import type { PassportState } from "./passport.js";
import { centiCycles, type PassportModule } from "./passport-module.js";
import { type ExportHead, type Period, proofOf, WHOLE_LOG } from "./proof.js";
import { ZERO_CELSIUS } from "./rows.js";
import { decimal, instant } from "./text.js";

const SOURCES = [
  "Regulation (EU) 2023/1542, Annex VII Part B and Annex XIII point 4",
  "DIN DKE SPEC 99100:2025-02, clauses 6.7.2 to 6.7.8",
  "Battery Pass data model 1.2.1, io.BatteryPass.Performance (property names)",
];

/** Asked for by the same texts, and not in a log: said so that nobody takes their absence for zero. */
const NOT_MEASURED = {
  capacityThroughput: "6.7.6.8: modules count energy, not charge (Ah)",
  stateOfCertifiedEnergy: "6.7.2.7: needs the certified energy and a test under its procedure",
  remainingEnergy:
    "6.7.2.6: needs a test under the same procedure; energy by state of charge is not it",
  remainingCapacity: "6.7.2.3: needs a capacity test",
  capacityFade: "6.7.2.4: needs the remaining capacity",
  remainingPowerCapability: "6.7.3.3: needs a power test",
  remainingRoundTripEnergyEfficiency: "6.7.4.4: needs a test cycle between equal states of charge",
  internalResistanceIncrease: "6.7.5.3: needs a pulse test",
  currentSelfDischargingRate: "6.7.4.7: needs a rest in reference conditions",
  evolutionOfSelfDischarge: "6.7.4.8: needs the self-discharge rates",
  overchargeEvents:
    "6.7.8.3: a module's state of charge ends at 100 %; its cells' voltages are its own to watch",
  accidents: "6.7.8.4: a document of people's, not a reading",
};

const kilowattHours = (mwh: number) => decimal(mwh, 6);
const celsius = (raw: number) => decimal(raw - ZERO_CELSIUS, 2);
/** Rounded up to a thousandth: what it is taken from is an upper bound already. */
const minutes = (ms: number) => decimal(Math.ceil(ms / 60), 3);
/** Half per cents. */
const percent = (raw: number) => decimal(raw * 5, 1);
const total = (modules: readonly PassportModule[], of: (module: PassportModule) => number) =>
  modules.reduce((sum, module) => Math.min(Number.MAX_SAFE_INTEGER, sum + of(module)), 0);
const attribute = (regulation: string, chapter: string, definition: string) => ({
  regulation,
  chapter,
  definition,
});

export function passportDocument(
  battery: LctId,
  head: ExportHead,
  limits: PassportLimits,
  { from, to }: Period,
  state: PassportState,
) {
  const { modules, first, last } = state;
  return {
    format: "wattseal-passport-dynamic-1",
    battery,
    period: {
      after: from === WHOLE_LOG.from ? undefined : instant(from),
      until: to === WHOLE_LOG.to ? undefined : instant(to),
    },
    lastUpdate: state.lastUpdate === undefined ? undefined : instant(state.lastUpdate),
    sources: SOURCES,
    limits: { ...limits, note: "chosen by this program; no regulation sets them" },
    attributes: {
      energyThroughput: throughput(modules),
      numberOfFullCycles: cycles(modules),
      stateOfCharge: charge(modules),
      temperatureInformation: temperatures(modules),
      negativeEvents: negativeEvents(state),
    },
    notMeasured: NOT_MEASURED,
    modules: modules.map(moduleOf),
    proof: proofOf(head, first ?? 0, last ?? 0),
  };
}

function throughput(modules: readonly PassportModule[]) {
  const charged = total(modules, (m) => m.chargedMwh);
  const discharged = total(modules, (m) => m.dischargedMwh);
  return {
    ...attribute(
      "Annex VII Part B point 2",
      "6.7.6.7",
      "energy of record of consistent intervals, charged + discharged, at the modules' terminals; what suspect and unauthenticated intervals, gaps, and intervals that the shunt does not bear out say stands beside it",
    ),
    unit: "kWh",
    value: kilowattHours(charged + discharged),
    charged: kilowattHours(charged),
    discharged: kilowattHours(discharged),
    unprovenCharged: kilowattHours(total(modules, (m) => m.unprovenInMwh)),
    unprovenDischarged: kilowattHours(total(modules, (m) => m.unprovenOutMwh)),
  };
}

function cycles(modules: readonly PassportModule[]) {
  const rated = modules.filter(({ capacity }) => capacity > 0);
  const capacity = total(rated, (m) => m.capacity);
  const discharged = total(rated, (m) => m.dischargedMwh);
  return {
    ...attribute(
      "Annex VII Part B point 5; Annex XIII point 4(d)",
      "6.7.6.4",
      "full equivalent cycles (SPEC and model: whole ones): energy discharged by consistent intervals ÷ capacity as paired, rounded down, over the modules whose capacity is known",
    ),
    unit: "cycle",
    value: capacity === 0 ? undefined : decimal(centiCycles(discharged, capacity), 2),
    capacity: kilowattHours(capacity),
    modulesWithoutCapacity: modules.length - rated.length,
  };
}

/** mWh: ⌊capacity × state of charge⌋. */
const heldBy = (module: PassportModule): number =>
  Number((BigInt(module.capacity) * BigInt(module.soc?.raw ?? 0)) / 200n);

function charge(modules: readonly PassportModule[]) {
  const known = modules.filter(({ paired, capacity, soc }) => paired && capacity > 0 && soc);
  const capacity = total(known, (m) => m.capacity);
  const held = total(known, heldBy);
  const tenths = capacity === 0 ? undefined : Number((1000n * BigInt(held)) / BigInt(capacity));
  return {
    ...attribute(
      "Annex XIII point 4(d)",
      "6.7.2.8",
      "each paired module's last authenticated state of charge, weighted by its capacity as paired",
    ),
    unit: "%",
    value: tenths === undefined ? undefined : decimal(tenths, 1),
    energy: { unit: "kWh", value: kilowattHours(held) },
    modules: known.length,
  };
}

function temperatures(modules: readonly PassportModule[]) {
  const hot = modules.flatMap(({ hottest }) => hottest ?? []).sort((a, b) => b.raw - a.raw)[0];
  const cold = modules.flatMap(({ coldest }) => coldest ?? []).sort((a, b) => a.raw - b.raw)[0];
  const longest = (name: ExtremeTime) =>
    minutes(modules.reduce((most, { events }) => Math.max(most, events.times[name]), 0));
  return {
    ...attribute(
      "Annex VII Part B point 4; Annex XIII point 4(d)",
      "6.7.7.2 (extremes), 6.7.7.5 to 6.7.7.8 (times)",
      "extremes of authenticated readings; times of the module that was longest beyond a bound, where an interval (a minute at most) counts whole",
    ),
    extremes: {
      unit: "°C",
      highest: hot && { value: celsius(hot.raw), entry: hot.entry },
      lowest: cold && { value: celsius(cold.raw), entry: cold.entry },
    },
    times: {
      unit: "min",
      timeExtremeHighTemp: longest("highMs"),
      timeExtremeLowTemp: longest("lowMs"),
      timeExtremeHighTempCharging: longest("chargingHighMs"),
      timeExtremeLowTempCharging: longest("chargingLowMs"),
    },
  };
}

function merged(events: readonly EventCount[]): EventCount {
  const entries = (of: (event: EventCount) => number | undefined) =>
    events.flatMap((event) => of(event) ?? []).sort((a, b) => a - b);
  return {
    count: events.reduce((sum, { count }) => sum + count, 0),
    first: entries((event) => event.first)[0],
    last: entries((event) => event.last).at(-1),
  };
}

function negativeEvents(state: PassportState) {
  const { modules, resets, gaps, suspect, suspectChecks, alarms } = state;
  const of = (name: EventName) => merged(modules.map(({ events }) => events.events[name]));
  return {
    ...attribute(
      "Annex VII Part B point 4; Annex XIII point 4(d)",
      "6.7.8.2 (deepDischarge); the model cites 6.7.8.4 for negativeEvents",
      "beginnings: an event that lasts over many intervals of a module counts once",
    ),
    deepDischarge: of("deepDischarge"),
    overTemperature: of("overTemperature"),
    underTemperature: of("underTemperature"),
    counterReset: resets,
    meteringGap: gaps,
    suspectInterval: suspect,
    suspectShuntCheck: suspectChecks,
    linkAlarms: Object.fromEntries(alarms),
  };
}

function moduleOf(module: PassportModule) {
  const { uid, capacity, events, soc, hottest, coldest, centiCycles: cycled } = module;
  return {
    module: uid,
    paired: module.paired,
    capacityKwh: capacity === 0 ? undefined : kilowattHours(capacity),
    chargedKwh: kilowattHours(module.chargedMwh),
    dischargedKwh: kilowattHours(module.dischargedMwh),
    fullCycles: cycled === undefined ? undefined : decimal(cycled, 2),
    stateOfCharge: soc && {
      percent: percent(soc.raw),
      time: instant(soc.time),
      entry: soc.entry,
    },
    highestC: hottest && celsius(hottest.raw),
    lowestC: coldest && celsius(coldest.raw),
    events: events.events,
    extremeTimesMin: Object.fromEntries(
      Object.entries(events.times).map(([name, ms]) => [name.replace("Ms", ""), minutes(ms)]),
    ),
    first: module.first,
    last: module.last,
  };
}
