import { RangeViolation } from "./errors.js";

declare const brand: unique symbol;
/** A value that only its validating function makes. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** UTC, integer milliseconds since 1970. */
export type Millis = Branded<number, "Millis">;
/** UTC, integer microseconds since 1970: bus time stamps. Exact in a double until the year 2255. */
export type Micros = Branded<number, "Micros">;
/** Energy, integer milliwatt-hours, zero or more. */
export type MilliwattHours = Branded<number, "MilliwattHours">;
/** `lct:<kind>:<base32 of 20 bytes>`. */
export type LctId = Branded<string, "LctId">;
/** Slot of a module on the bus, 1 to 31. */
export type Slot = Branded<number, "Slot">;
/** A module's 8-byte unique id (mfg, part, 0, 0, unique id u32le) as 16 lower-case hexadecimal digits. */
export type ModuleUid = Branded<string, "ModuleUid">;

/** Bytes of a log's entry, at most; a bundle's lengths (u16) leave room above it. */
export const MAX_ENTRY_LENGTH = 16_384;

function isMillis(value: number): value is Millis {
  return Number.isSafeInteger(value) && value >= 0;
}
export function millis(value: number): Millis {
  if (!isMillis(value)) throw new RangeViolation(`${value} is not a time in whole milliseconds`);
  return value;
}

function isMicros(value: number): value is Micros {
  return Number.isSafeInteger(value) && value >= 0;
}
export function micros(value: number): Micros {
  if (!isMicros(value)) throw new RangeViolation(`${value} is not a time in whole microseconds`);
  return value;
}

function isMilliwattHours(value: number): value is MilliwattHours {
  return Number.isSafeInteger(value) && value >= 0;
}
export function milliwattHours(value: number): MilliwattHours {
  if (!isMilliwattHours(value)) {
    throw new RangeViolation(`${value} is not an energy in whole milliwatt-hours`);
  }
  return value;
}

const LCT_ID = /^lct:(app|pack|module|policy|person|society|source|agent):[a-z2-7]{32}$/;
function isLctId(value: string): value is LctId {
  return LCT_ID.test(value);
}
export function lctId(value: string): LctId {
  if (!isLctId(value)) throw new RangeViolation(`"${value}" is not an LCT id`);
  return value;
}

/** The base32 part of an id: topic level in MQTT. */
export function labelOf(lct: LctId): string {
  return lct.slice(lct.lastIndexOf(":") + 1);
}

/** `wattseal/<label>`: origin of an LCT's log, and name of the key that signs it. */
export function originOf(label: string): string {
  return `wattseal/${label}`;
}

function isSlot(value: number): value is Slot {
  return Number.isInteger(value) && value >= 1 && value <= 31;
}
export function slot(value: number): Slot {
  if (!isSlot(value)) throw new RangeViolation(`${value} is not a slot (1 to 31)`);
  return value;
}

function isModuleUid(value: string): value is ModuleUid {
  return /^[0-9a-f]{16}$/.test(value);
}
export function moduleUid(value: string): ModuleUid {
  if (!isModuleUid(value))
    throw new RangeViolation(`"${value}" is not a module uid (16 hex digits)`);
  return value;
}
