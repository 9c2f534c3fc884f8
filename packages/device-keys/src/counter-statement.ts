/**
 * A module's word on its energy counters to the federation, past the pack (design: counter statement):
 *
 *     uid(8) ‖ boot u16 ‖ tick u32 ‖ in u48 ‖ out u48 ‖ HMAC-SHA-256(key, all before it)      little-endian
 *     key = HKDF-SHA-256(X25519(module half, federation half), info "wattseal-counter-1")
 *
 * Either half of the two makes the key, no other does: the pack that carries a statement cannot make one. The
 * federation could; what it shows is of use to whoever trusts the federation not to.
 */
import { timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";
import {
  concatBytes,
  DecodeError,
  fromHex,
  type MilliwattHours,
  type ModuleUid,
  milliwattHours,
  moduleUid,
  toHex,
  utf8,
  viewOf,
} from "@wattseal/base";
import { DeviceKeysError } from "./errors.js";
import type { DeviceCustody } from "./half.js";
import { deriveKey, hmacSha256 } from "./hkdf.js";

const INFO = utf8("wattseal-counter-1");
const UID_LENGTH = 8;
const FIELDS_LENGTH = 26;
const MAC_LENGTH = 32;
export const COUNTER_STATEMENT_LENGTH = FIELDS_LENGTH + MAC_LENGTH;

/** What a statement says. */
export interface CounterReading {
  readonly uid: ModuleUid;
  /** u16, one more at each start of the module. */
  readonly boot: number;
  /** u32 milliseconds since that start. */
  readonly tick: number;
  /** Energy in and out since the module was made, modulo 2^48 mWh. */
  readonly inMwh: MilliwattHours;
  readonly outMwh: MilliwattHours;
}

/**
 * A module's statement, 58 bytes. `custody` holds the module half, `fed` is the federation's public half.
 * Throws DeviceKeysError `bad-parameter` for a value that its field cannot hold.
 */
export function writeCounterStatement(
  reading: CounterReading,
  custody: DeviceCustody,
  fed: Uint8Array,
): Uint8Array {
  const fields = encodeFields(reading);
  const key = statementKey(custody, fed);
  const mac = hmacSha256(key, fields);
  key.fill(0);
  return concatBytes(fields, mac);
}

/**
 * Reads one module's statements, for the holder of the federation half: a key agreement for all of them. Holds the key that they
 * are made with.
 */
export class CounterStatementReader {
  readonly #key: Uint8Array;

  /** `moduleHalf`: public, 32 bytes. Throws what the custody throws. */
  constructor(custody: DeviceCustody, moduleHalf: Uint8Array) {
    this.#key = statementKey(custody, moduleHalf);
  }

  /**
   * What a statement says; undefined when the module did not write it. Whether boot, tick and counters follow the statement
   * before is the caller's to judge. Throws DecodeError for another length.
   */
  read(statement: Uint8Array): CounterReading | undefined {
    const said = unverifiedCounterStatement(statement);
    const mac = hmacSha256(this.#key, statement.subarray(0, FIELDS_LENGTH));
    return timingSafeEqual(mac, statement.subarray(FIELDS_LENGTH)) ? said : undefined;
  }

  [inspect.custom](): string {
    return "CounterStatementReader";
  }
}

/** What a statement claims, whoever wrote it: for people to look at. Throws DecodeError for another length. */
export function unverifiedCounterStatement(statement: Uint8Array): CounterReading {
  if (statement.length !== COUNTER_STATEMENT_LENGTH) {
    throw new DecodeError(
      "counter statement",
      statement.length,
      `is not ${COUNTER_STATEMENT_LENGTH} bytes long`,
    );
  }
  const fields = statement.subarray(0, FIELDS_LENGTH);
  const view = viewOf(fields);
  return {
    uid: moduleUid(toHex(fields.subarray(0, UID_LENGTH))),
    boot: view.getUint16(8, true),
    tick: view.getUint32(10, true),
    inMwh: milliwattHours(uint48(view, 14)),
    outMwh: milliwattHours(uint48(view, 20)),
  };
}

function statementKey(custody: DeviceCustody, peer: Uint8Array): Uint8Array {
  const shared = custody.dh(peer);
  const key = deriveKey(shared, INFO);
  shared.fill(0);
  return key;
}

function encodeFields({ uid, boot, tick, inMwh, outMwh }: CounterReading): Uint8Array {
  const fields = new Uint8Array(FIELDS_LENGTH);
  const view = viewOf(fields);
  fields.set(fromHex(uid));
  view.setUint16(8, within(boot, 2 ** 16), true);
  view.setUint32(10, within(tick, 2 ** 32), true);
  setUint48(view, 14, within(inMwh, 2 ** 48));
  setUint48(view, 20, within(outMwh, 2 ** 48));
  return fields;
}

function within(value: number, end: number): number {
  if (Number.isInteger(value) && value >= 0 && value < end) return value;
  throw new DeviceKeysError("bad-parameter", "usage", `${value} is not in 0 to ${end - 1}`);
}

function uint48(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint16(offset + 4, true) * 2 ** 32;
}

function setUint48(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint16(offset + 4, Math.floor(value / 2 ** 32), true);
}
