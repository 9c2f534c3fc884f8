import { type MilliwattHours, viewOf } from "@wattseal/base";
import type { Reading } from "@wattseal/energy-ledger";
import type { LinkMessage } from "../links/manager.js";

type RawState = Omit<Reading, "time" | "counters" | "counter" | "type" | "body">;

/** Offsets in the telemetry body: status 1, 2 and 3 of the module bus, 8 bytes each. */
const AT = { soc: 1, current: 4, voltage: 6, temperatureLow: 16, temperatureHigh: 18 } as const;

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

/** What the meter reads of an accepted telemetry. */
export function readingOf(
  message: LinkMessage,
  telemetry: {
    readonly inMwh: MilliwattHours;
    readonly outMwh: MilliwattHours;
    readonly boot: number;
  },
): Reading {
  return {
    ...rawStateOf(message.body),
    time: message.time,
    counters: { in: telemetry.inMwh, out: telemetry.outMwh, boot: telemetry.boot },
    counter: message.counter,
    type: message.type,
    body: message.body,
  };
}
