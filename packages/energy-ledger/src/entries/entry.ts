import { DecodeError, MAX_ENTRY_LENGTH, type Millis, RangeViolation } from "@wattseal/base";
import { type FieldReader, Words } from "../codec/reader.js";
import { time } from "../codec/scalars.js";
import { decodeAs, encodeAs, type Schema, type Value } from "../codec/schema.js";
import { opsCommand, opsOutcome } from "./command.js";
import {
  energyCheck,
  energyGap,
  energyInterval,
  energyReconcile,
  energyReset,
  energyResolution,
  energyResolve,
  energyStatement,
  energyWindow,
} from "./energy.js";
import {
  epochBegin,
  epochEnd,
  lctDocument,
  lctStatus,
  linkAlarm,
  linkPaired,
  linkUnpaired,
  opsClock,
  opsConfig,
  opsLoss,
  opsRestored,
  opsSnapshot,
} from "./lifecycle.js";
import {
  signedEntry,
  societyCertify,
  societyCharge,
  societyCommit,
  societyExpire,
  societyReserve,
  societyRollback,
} from "./society.js";
import {
  societyDecide,
  societyOffer,
  societyRecord,
  societyReport,
  societyTrade,
  tradeTerms,
} from "./trade.js";

/** What one type is: its name, its body's schema, and how an entry of it is read. */
function row<const T extends string, B>(type: T, schema: Schema<B>) {
  return {
    type,
    schema,
    read: (reader: FieldReader, timeMs: Millis) => ({ type, timeMs, body: schema.read(reader) }),
  };
}

/** The one place where types get their schema. Versions only add; a type that is not here is refused. */
const ROWS = [
  row("lct.document", lctDocument),
  row("lct.status", lctStatus),
  row("epoch.begin", epochBegin),
  row("epoch.end", epochEnd),
  row("link.paired", linkPaired),
  row("link.unpaired", linkUnpaired),
  row("link.alarm", linkAlarm),
  row("energy.interval", energyInterval),
  row("energy.gap", energyGap),
  row("energy.reset", energyReset),
  row("energy.statement", energyStatement),
  row("energy.window", energyWindow),
  row("energy.check", energyCheck),
  row("energy.reconcile", energyReconcile),
  row("energy.resolve", energyResolve),
  row("energy.resolution", energyResolution),
  row("society.mint", signedEntry),
  row("society.source", signedEntry),
  row("society.policy", signedEntry),
  row("society.charge", societyCharge),
  row("society.certify", societyCertify),
  row("society.reserve", societyReserve),
  row("society.commit", societyCommit),
  row("society.rollback", societyRollback),
  row("society.expire", societyExpire),
  row("society.escrow", tradeTerms),
  row("society.offer", societyOffer),
  row("society.decide", societyDecide),
  row("society.trade", societyTrade),
  row("society.report", societyReport),
  row("society.record", societyRecord),
  row("ops.clock", opsClock),
  row("ops.config", opsConfig),
  row("ops.snapshot", opsSnapshot),
  row("ops.command", opsCommand),
  row("ops.outcome", opsOutcome),
  row("ops.loss", opsLoss),
  row("ops.restored", opsRestored),
] as const;

type Row = (typeof ROWS)[number];
export type EntryType = Row["type"];
/** The body that each type carries. */
export type EntryBody<T extends EntryType> = Value<Extract<Row, { type: T }>["schema"]>;

/** One record of a log. The bytes are the record; this is what they say. */
export type Entry<T extends EntryType = EntryType> = {
  readonly [Type in T]: {
    readonly type: Type;
    /** UTC ms; never below that of the entry before. */
    readonly timeMs: Millis;
    readonly body: EntryBody<Type>;
  };
}[T];

export const ENTRY_VERSION = 1;

export const ENTRY_TYPES: readonly EntryType[] = ROWS.map(({ type }) => type);
const rows = new Words("entry type known to this version", ROWS, ({ type }) => type);

const anyEntry: Schema<Entry> = {
  read(reader) {
    reader.array(4);
    const version = reader.unsigned();
    if (version !== ENTRY_VERSION) reader.fail(`has version ${version}, this program reads 1`, 1);
    const found = reader.word(rows);
    return found.read(reader, time.read(reader));
  },
  write(writer, entry) {
    const found = rows.of(entry.type);
    if (found === undefined) throw new RangeViolation(`"${entry.type}" is no entry type`);
    const schema: Schema<unknown> = found.value.schema;
    writer.array(4);
    writer.integer(ENTRY_VERSION);
    writer.textBytes(found.bytes);
    time.write(writer, entry.timeMs);
    schema.write(writer, entry.body);
  },
};

/**
 * Decodes one entry that fills `bytes`; byte strings in it are views of `bytes`.
 * Throws DecodeError for any other than the deterministic form, an unknown version or type, a value outside its range.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  if (bytes.length > MAX_ENTRY_LENGTH) {
    throw new DecodeError("entry", MAX_ENTRY_LENGTH, `is longer than ${MAX_ENTRY_LENGTH} bytes`);
  }
  return decodeAs(anyEntry, bytes, "entry");
}

/** The one encoding of `entry`. Throws RangeViolation for what `decodeEntry` would refuse. */
export function encodeEntry(entry: Entry): Uint8Array {
  return encodeAs(anyEntry, entry);
}
