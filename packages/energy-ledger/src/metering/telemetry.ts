import { DecodeError, milliwattHours, viewOf } from "@wattseal/base";
import type { Counters } from "../entries/energy.js";
import type { RawState } from "./extremes.js";

/** Inner type and length of a telemetry body (docs/firmware/messages.md). */
export const TELEMETRY_TYPE = 1;
export const TELEMETRY_LENGTH = 42;

/** Offsets: status 1, 2 and 3 of the module bus, 8 bytes each, then counters, tick and boot. Little-endian. */
const AT = {
  soc: 1,
  current: 4,
  voltage: 6,
  temperatureLow: 16,
  temperatureHigh: 18,
  inMwh: 24,
  outMwh: 30,
  tick: 36,
  boot: 40,
} as const;

/** What a telemetry body says of itself to a meter. */
export interface TelemetrySaid extends RawState {
  readonly counters: Counters;
  /** The module's own time, ms since its start, modulo 2^32. */
  readonly tick: number;
}

/** Raw values as on the bus, so that the meter's integers stay exact. `body` begins with status 1, 2 and 3. */
export function rawStateOf(body: Uint8Array): RawState {
  const view = viewOf(body);
  return {
    voltage: view.getUint16(AT.voltage, true),
    current: view.getUint16(AT.current, true),
    temperatureLow: view.getUint16(AT.temperatureLow, true),
    temperatureHigh: view.getUint16(AT.temperatureHigh, true),
    soc: view.getUint8(AT.soc),
  };
}

/** Throws DecodeError for a body of another length. */
export function telemetrySaid(body: Uint8Array): TelemetrySaid {
  if (body.length !== TELEMETRY_LENGTH) {
    throw new DecodeError("telemetry", 0, `has ${body.length} bytes, not ${TELEMETRY_LENGTH}`);
  }
  const view = viewOf(body);
  const u48 = (at: number) =>
    milliwattHours(view.getUint32(at, true) + 2 ** 32 * view.getUint16(at + 4, true));
  const boot = view.getUint16(AT.boot, true);
  return {
    ...rawStateOf(body),
    counters: { in: u48(AT.inMwh), out: u48(AT.outMwh), boot },
    tick: view.getUint32(AT.tick, true),
  };
}
