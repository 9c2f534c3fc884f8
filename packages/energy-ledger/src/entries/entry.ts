import { DecodeError, MAX_ENTRY_LENGTH, type Millis, RangeViolation } from "@wattseal/base";
import { type FieldReader, Words } from "../codec/reader.js";
import { time } from "../codec/scalars.js";
import { decodeAs, encodeAs, type Schema, type Value } from "../codec/schema.js";
import {
  energyGap,
  energyInterval,
  energyReconcile,
  energyReset,
  energyResolve,
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
} from "./lifecycle.js";
import { signedEntry, societyCharge, societyExpire } from "./society.js";

/** The one place where types get their schema. Versions only add; a type that is not here is refused. */
const SCHEMAS = {
  "lct.document": lctDocument,
  "lct.status": lctStatus,
  "epoch.begin": epochBegin,
  "epoch.end": epochEnd,
  "link.paired": linkPaired,
  "link.unpaired": linkUnpaired,
  "link.alarm": linkAlarm,
  "energy.interval": energyInterval,
  "energy.gap": energyGap,
  "energy.reset": energyReset,
  "energy.window": energyWindow,
  "energy.reconcile": energyReconcile,
  "energy.resolve": energyResolve,
  "society.mint": signedEntry,
  "society.source": signedEntry,
  "society.policy": signedEntry,
  "society.charge": societyCharge,
  "society.expire": societyExpire,
  "ops.clock": opsClock,
  "ops.config": opsConfig,
} as const;

type Schemas = typeof SCHEMAS;
export type EntryType = keyof Schemas;
/** The body that each type carries. */
export type EntryBody<T extends EntryType> = Value<Schemas[T]>;

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

function isEntryType(type: string): type is EntryType {
  return Object.hasOwn(SCHEMAS, type);
}
export const ENTRY_TYPES: readonly EntryType[] = Object.keys(SCHEMAS).filter(isEntryType);
const typeWords = new Words("entry type known to this version", ENTRY_TYPES);

/** `schema` is that of `type`: they come from one row of SCHEMAS. */
function isEntry(entry: {
  readonly type: EntryType;
  readonly timeMs: Millis;
  readonly body: unknown;
}): entry is Entry {
  return isEntryType(entry.type);
}

function readEntry(reader: FieldReader): Entry {
  reader.array(4);
  const version = reader.unsigned();
  if (version !== ENTRY_VERSION) reader.fail(`has version ${version}, this program reads 1`, 1);
  const type = reader.word(typeWords);
  const timeMs = time.read(reader);
  const entry = { type, timeMs, body: SCHEMAS[type].read(reader) };
  if (!isEntry(entry)) return reader.fail("is of no known type", 2);
  return entry;
}

const anyEntry: Schema<Entry> = {
  read: readEntry,
  write(writer, entry) {
    const word = typeWords.bytesOf(entry.type);
    if (word === undefined) throw new RangeViolation(`"${entry.type}" is no entry type`);
    const schema: Schema<unknown> = SCHEMAS[entry.type];
    writer.array(4);
    writer.integer(ENTRY_VERSION);
    writer.textBytes(word);
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
