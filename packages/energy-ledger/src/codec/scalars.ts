/** The units that entries are written in. */
import {
  type LctId,
  lctId,
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  millis,
  milliwattHours,
  moduleUid,
  type Slot,
  slot,
} from "@wattseal/base";
import { branded, byteString, integer, type Schema, text } from "./schema.js";

/** Counters are 48 bits wide, and no amount is larger: 281 GWh. */
export const MAX_ENERGY = 2 ** 48 - 1;

/** UTC, ms. */
export const time: Schema<Millis> = branded(
  integer("a time in ms", 0, Number.MAX_SAFE_INTEGER),
  millis,
);
/** mWh, zero or more. */
export const energy: Schema<MilliwattHours> = branded(
  integer("an energy in mWh", 0, MAX_ENERGY),
  milliwattHours,
);
/** mWh, at least one: what an entry moves. */
export const amount: Schema<MilliwattHours> = branded(
  integer("an amount in mWh", 1, MAX_ENERGY),
  milliwattHours,
);
/** Bound of each sum in mWh, of either sign: four of them together stay exact. */
export const MOST_NET = 2 ** 51;
/** mWh, positive is charging. */
export const netEnergy: Schema<number> = integer("a net energy in mWh", -MOST_NET, MOST_NET);
/** Position in this log. */
export const entryIndex: Schema<number> = integer("an entry index", 0, Number.MAX_SAFE_INTEGER);
export const u8: Schema<number> = integer("a raw byte", 0, 0xff);
export const u16: Schema<number> = integer("a raw 16-bit value", 0, 0xff_ff);
export const u32: Schema<number> = integer("a 32-bit count", 0, 0xff_ff_ff_ff);
/** Hundredths of a per cent. */
export const basisPoints: Schema<number> = integer("a share in basis points", 0, 10_000);
export const hash32: Schema<Uint8Array> = byteString("a hash or key", 32);
/** A signed object of an authority: COSE_Sign1 as bytes. */
export const sign1: Schema<Uint8Array> = byteString("a COSE_Sign1", 1, 15_000);
/** What `wattseal prove` writes about one entry of another log, as bytes. */
export const proofFile: Schema<Uint8Array> = byteString("a proof file", 1, 15_000);
/** Name of a cosigning key (C2SP signed-note), in ASCII. */
export const keyName: Schema<string> = text("key name", /^[!-*,-~]{1,128}$/);
/** What texts may be, for whoever has to ask for one. */
export const TEXT = {
  /** Lower-case words joined by hyphens: a kind that later versions may add to. */
  label: /^[a-z0-9]+(-[a-z0-9]+)*$/,
  /** Names and reasons for people. */
  phrase: /^[^\p{Cc}]{0,200}$/u,
  /** The authority's name of a source: an LCT id or a label. */
  sourceName: /^[a-zA-Z0-9:._-]{1,64}$/,
  /** Of the kinds that `lctId` takes, so that any other is a decoder's refusal. */
  lct: /^lct:(app|pack|module|policy|person|society|source|agent):[a-z2-7]{32}$/,
} as const;
export const label: Schema<string> = text("label", TEXT.label);
export const phrase: Schema<string> = text("phrase of up to 200 characters", TEXT.phrase);
export const sourceName: Schema<string> = text("source name", TEXT.sourceName);
export const lct: Schema<LctId> = branded(text("LCT id", TEXT.lct), lctId);
export const slotNumber: Schema<Slot> = branded(integer("a slot", 1, 31), slot);

interface Known {
  readonly high: number;
  readonly low: number;
  readonly uid: ModuleUid;
}
const known: (Known | undefined)[] = Array.from({ length: 256 });

function uidOf(high: number, low: number): ModuleUid {
  const place = (low ^ (low >>> 8) ^ high) & 0xff;
  const found = known[place];
  if (found?.high === high && found.low === low) return found.uid;
  const uid = moduleUid(high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0"));
  known[place] = { high, low, uid };
  return uid;
}

/** A module's unique id, 8 bytes. */
export const module: Schema<ModuleUid> = {
  read(reader) {
    const { high, low } = reader.uidWords();
    return uidOf(high, low);
  },
  write(writer, value) {
    const uid = moduleUid(value);
    writer.uidWords(Number.parseInt(uid.slice(0, 8), 16), Number.parseInt(uid.slice(8), 16));
  },
};
