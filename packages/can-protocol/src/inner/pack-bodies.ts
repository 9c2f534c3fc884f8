import { DecodeError } from "@wattseal/base";
import { layout } from "../catalogue/layout.js";
import { SCALE } from "../catalogue/scales.js";
import { INNER_TYPE, MODULE_BODIES, type SpecsOf, sized, tickOnly } from "./bodies.js";
import type { PackMessage } from "./messages.js";

const telemetryRequest = layout(6, {
  tick: { at: 0, width: 32 },
  periodMs: { at: 32, width: 16 },
});
const cellDetailRequest = layout(5, { tick: { at: 0, width: 32 }, cell: { at: 32, width: 8 } });
const stateChange = layout(7, {
  tick: { at: 0, width: 32 },
  state: { at: 32, width: 8 },
  hvBusVoltage: { at: 40, width: 16, scale: SCALE.voltage },
});
const isolate = layout(5, { tick: { at: 0, width: 32 }, cause: { at: 32, width: 8 } });
const heartbeat = layout(5, { tick: { at: 0, width: 32 }, maxState: { at: 32, width: 8 } });
const time = layout(11, {
  tick: { at: 0, width: 32 },
  utcMs: { at: 32, width: 48 },
  valid: { at: 80, width: 8 },
});
const logFrameRequest = layout(8, { tick: { at: 0, width: 32 }, counter: { at: 32, width: 32 } });

/** Pack to module. All but ping start with the freshness tick. */
export const PACK_BODIES: SpecsOf<PackMessage> = {
  "telemetry-request": {
    type: INNER_TYPE.telemetry,
    class: "normal",
    length: telemetryRequest.length,
    read: (body) => ({ kind: "telemetry-request", ...telemetryRequest.read(body) }),
    write: (message, body) => telemetryRequest.write(message, body),
  },
  "cell-detail-request": {
    type: INNER_TYPE.cellDetail,
    class: "normal",
    length: cellDetailRequest.length,
    read: (body) => ({ kind: "cell-detail-request", ...cellDetailRequest.read(body) }),
    write: (message, body) => cellDetailRequest.write(message, body),
  },
  "hardware-request": {
    type: INNER_TYPE.hardware,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "hardware-request", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
  "state-change": {
    type: INNER_TYPE.stateChange,
    class: "urgent",
    length: stateChange.length,
    read(body) {
      const values = stateChange.read(body);
      known(values.state, 3, "state", 4);
      return { kind: "state-change", ...values };
    },
    write: (message, body) => stateChange.write(message, body),
  },
  isolate: {
    type: INNER_TYPE.isolate,
    class: "urgent",
    length: isolate.length,
    read: (body) => ({ kind: "isolate", ...isolate.read(body) }),
    write: (message, body) => isolate.write(message, body),
  },
  heartbeat: {
    type: INNER_TYPE.heartbeat,
    class: "normal",
    length: heartbeat.length,
    read(body) {
      const values = heartbeat.read(body);
      known(values.maxState, 3, "state", 4);
      return { kind: "heartbeat", ...values };
    },
    write: (message, body) => heartbeat.write(message, body),
  },
  time: {
    type: INNER_TYPE.time,
    class: "normal",
    length: time.length,
    read(body) {
      const values = time.read(body);
      known(values.valid, 1, "validity", 10);
      return { kind: "time", ...values };
    },
    write: (message, body) => time.write(message, body),
  },
  "log-frame-request": {
    type: INNER_TYPE.logFrame,
    class: "normal",
    length: logFrameRequest.length,
    read: (body) => ({ kind: "log-frame-request", ...logFrameRequest.read(body) }),
    write: (message, body) => logFrameRequest.write(message, body),
  },
  "capability-request": {
    type: INNER_TYPE.capability,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "capability-request", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
  "key-roll": {
    type: INNER_TYPE.keyRoll,
    class: "normal",
    length: tickOnly.length + 32,
    read: (body) => ({
      kind: "key-roll",
      tick: tickOnly.read(body).tick,
      packHalf: body.slice(tickOnly.length),
    }),
    write(message, body) {
      tickOnly.write(message, body);
      body.set(sized(message.packHalf, 32, "a pack half"), tickOnly.length);
    },
  },
  erase: {
    type: INNER_TYPE.erase,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "erase", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
  "counter-statement-request": {
    type: INNER_TYPE.counterStatement,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "counter-statement-request", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
  ping: MODULE_BODIES.ping,
};

function known(value: number, most: number, what: string, at: number): void {
  if (value > most) throw new DecodeError("inner body", at, `holds ${value}, which is no ${what}`);
}
