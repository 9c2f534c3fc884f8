/**
 * What the books of a log hold at one point of it, as docs/ledger-format.md, Snapshot, writes it down. One schema a
 * book, with the book's own `save` and constructor; one state has one encoding, so lists have an order of their own.
 */
import { milliwattHours } from "@wattseal/base";
import {
  amount,
  energy,
  entryIndex,
  hash32,
  lct,
  MOST_NET,
  module,
  netEnergy,
  slotNumber,
  time,
  u8,
} from "../codec/scalars.js";
import {
  flag,
  integer,
  list,
  oneOf,
  optional,
  record,
  type Schema,
  type Value,
} from "../codec/schema.js";
import { counters } from "../entries/energy.js";
import { anyPolicy, policyWitness, sourcePayload } from "../entries/society.js";
import { tradeTerms } from "../entries/trade.js";
import { FULL_RESOLUTION, MOST_MINUTES } from "../metering/window.js";

/** No list is longer than a snapshot, whose length bounds them all. */
export const MAX_SNAPSHOT_LENGTH = 2 ** 26;
const ANY = { max: MAX_SNAPSHOT_LENGTH } as const;

const whole = integer("a whole number", 0, Number.MAX_SAFE_INTEGER);
/** mWh, of the accounts: no sum of them is beyond 2^51. */
const account = integer("an account in mWh", 0, MOST_NET);

/** What link.paired said, while the module is paired. */
export const pairingState = record({
  slot: slotNumber,
  bus: u8,
  moduleKey: hash32,
  packKey: hash32,
  capacity: energy,
});
export type PairingState = Value<typeof pairingState>;

const moduleState = record({
  module,
  pairing: optional(pairingState),
  /** Where its record ends; absent until its first interval. */
  end: optional(
    record({
      t1: time,
      end: optional(counters),
      /** UTC minute of the tolerance, and what is used of it: metering/verdict.ts. */
      used: record({ window: whole, difference: whole, through: whole }),
    }),
  ),
  /** UTC minute, and what unproven entries that end in it have counted; absent until the first of them. */
  unproven: optional(record({ window: whole, in: whole, out: whole })),
});

/** By uid. */
export const modulesState = list(moduleState, ANY);
export type ModulesState = Value<typeof modulesState>;

export const windowState = record({
  first: optional(entryIndex),
  count: whole,
  net: netEnergy,
  /** t1 of the last energy.window. */
  lastEnd: optional(time),
  /** Open ones, in the order in which they became suspect. */
  suspects: list(record({ interval: entryIndex, in: energy, since: time }), ANY),
});
export type WindowState = Value<typeof windowState>;

export const shuntState = record({
  covered: optional(
    record({ first: entryIndex, t0: time, t1: time, count: whole, in: account, out: account }),
  ),
  earned: account,
  /** In the order of their entries. */
  earning: list(record({ interval: entryIndex, in: energy }), ANY),
  /** t1 of the last energy.check; 0 before it. */
  lastEnd: time,
});
export type ShuntState = Value<typeof shuntState>;

/** Oldest first. */
export const queueState = list(record({ charge: entryIndex, since: time, amount }), ANY);
export type QueueState = Value<typeof queueState>;

/** In the order of their entries. */
export const ticketsState = list(
  record({ ticket: entryIndex, since: time, worker: lct, used: account, lots: queueState }),
  ANY,
);
export type TicketsState = Value<typeof ticketsState>;

export const bookState = record({
  supply: account,
  adp: account,
  eligible: whole,
  unclaimed: whole,
  deficit: whole,
  opening: energy,
  net: netEnergy,
  recordedLoss: netEnergy,
  wasted: whole,
  lots: queueState,
  withheld: queueState,
  tickets: ticketsState,
});
export type BookState = Value<typeof bookState>;

export const EMPTY_BOOK: BookState = {
  supply: 0,
  adp: 0,
  eligible: 0,
  unclaimed: 0,
  deficit: 0,
  opening: milliwattHours(0),
  net: 0,
  recordedLoss: 0,
  wasted: 0,
  lots: [],
  withheld: [],
  tickets: [],
};

/** Trades and what is left of them; all of it is empty in a society that trades with nobody. */
export const tradedState = record({
  claims: netEnergy,
  conversionLoss: whole,
  /** Open ones, in the order of their entries. */
  escrows: list(
    record({ terms: tradeTerms, witnesses: list(policyWitness, ANY), lots: queueState }),
    ANY,
  ),
  /** Entries of other logs that gave energy, in the order in which it came. */
  used: list(record({ giver: lct, index: entryIndex, expires: time }), ANY),
  /** What this log decides for others, by SHA-256 of the terms, in the order of their first entries. */
  decisions: list(
    record({
      trade: hash32,
      state: oneOf("trade state", "offered", "committed", "aborted"),
      expires: time,
    }),
    ANY,
  ),
});
export type TradedState = Value<typeof tradedState>;

export const sourcesState = record({
  /** By name. */
  sources: list(record({ proof: sourcePayload, earlier: whole, used: whole }), ANY),
  declaredUse: whole,
});
export type SourcesState = Value<typeof sourcesState>;

export const charterState = record({
  policy: optional(anyPolicy),
  /** Of the last mint; 0 before it. */
  lastSerial: whole,
  closed: optional(oneOf("closing LCT state", "void", "slashed", "retired")),
  sources: sourcesState,
});
export type CharterState = Value<typeof charterState>;

/** No opening stock may come any more. */
const opened = flag("the opening of the books");

export interface SocietyState {
  readonly opened: boolean;
  readonly book: BookState;
  readonly charter: CharterState;
  /** Not written at all where there is nothing to say: so it was before societies could trade. */
  readonly traded: TradedState | undefined;
}

export const societyState: Schema<SocietyState> = {
  read(reader) {
    const trading = reader.peekArray() !== 3;
    reader.array(trading ? 4 : 3);
    return {
      opened: opened.read(reader),
      book: bookState.read(reader),
      charter: charterState.read(reader),
      traded: trading ? tradedState.read(reader) : undefined,
    };
  },
  write(writer, state) {
    writer.array(state.traded === undefined ? 3 : 4);
    opened.write(writer, state.opened);
    bookState.write(writer, state.book);
    charterState.write(writer, state.charter);
    if (state.traded !== undefined) tradedState.write(writer, state.traded);
  },
};

/** As EnergyTotals. */
export const totalsState = record({
  inMwh: whole,
  outMwh: whole,
  uncountedMwh: whole,
  intervals: whole,
  windows: whole,
});
export type TotalsState = Value<typeof totalsState>;

const ledgerFields = {
  /** Of the last entry. */
  time,
  synchronised: flag("the clock's state"),
  /** Nothing but an epoch.begin may follow. */
  ended: flag("the epoch's end"),
  /** Index of the last ops.snapshot; 0 before it. */
  lastSnapshot: entryIndex,
  totals: totalsState,
  modules: modulesState,
  window: windowState,
  shunt: shuntState,
  society: societyState,
};
const atFullResolution = record(ledgerFields);
const aggregated = record({
  ...ledgerFields,
  resolution: integer("a resolution in minutes", FULL_RESOLUTION + 1, MOST_MINUTES),
});

export interface LedgerState extends Value<typeof atFullResolution> {
  /** UTC minutes of an interval. Not written at all where it is one: so it was before there was another. */
  readonly resolution: number;
}

export const ledgerState: Schema<LedgerState> = {
  read(reader) {
    if (reader.peekArray() !== Object.keys(ledgerFields).length) return aggregated.read(reader);
    return { ...atFullResolution.read(reader), resolution: FULL_RESOLUTION };
  },
  write(writer, state) {
    if (state.resolution === FULL_RESOLUTION) atFullResolution.write(writer, state);
    else aggregated.write(writer, state);
  },
};
