import {
  type CounterReading,
  type DeviceCustody,
  writeCounterStatement,
} from "@wattseal/device-keys";
import type { CounterStatement } from "./messages.js";

const MAC_AT = 26;

/** A module's word to the holder of the half `fed` (public, 32 bytes): `custody` holds the module half. */
export function counterStatementOf(
  reading: CounterReading,
  custody: DeviceCustody,
  fed: Uint8Array,
): CounterStatement {
  const statement = writeCounterStatement(reading, custody, fed);
  return { kind: "counter-statement", ...reading, mac: statement.subarray(MAC_AT) };
}
