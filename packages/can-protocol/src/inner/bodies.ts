/**
 * Bodies of sealed PDUs: one row a type and direction, little-endian. What a row does not name is refused.
 *
 * Type numbers are shared by both directions: a request and its answer have one number and two layouts.
 */
import { fromHex, milliwattHours, moduleUid, toHex } from "@wattseal/base";
import {
  CELL_DETAIL_FIELDS,
  HARDWARE_FIELDS,
  STATUS_1_FIELDS,
  STATUS_2_FIELDS,
  STATUS_3_FIELDS,
} from "../catalogue/frames.js";
import { layout } from "../catalogue/layout.js";
import { SCALE } from "../catalogue/scales.js";
import { CanProtocolError } from "../errors.js";
import type { PduClass } from "../link/types.js";
import { LOG_FRAME_LENGTH, type ModuleMessage } from "./messages.js";

export const INNER_TYPE = {
  telemetry: 1,
  cellDetail: 2,
  hardware: 3,
  stateChange: 4,
  outcome: 5,
  isolate: 6,
  heartbeat: 7,
  time: 8,
  logFrame: 9,
  capability: 10,
  keyRoll: 11,
  erase: 12,
  counterStatement: 13,
  ping: 14,
} as const;

/** How one kind of message travels. `read` may rely on the length; `write` throws `field-range`. */
export interface BodySpec<M> {
  readonly type: number;
  readonly class: PduClass;
  readonly length: number;
  read(body: Uint8Array): M;
  write(message: M, body: Uint8Array): void;
}

export type SpecsOf<M extends { readonly kind: string }> = {
  readonly [K in M["kind"]]: BodySpec<Extract<M, { readonly kind: K }>>;
};

export const tickOnly = layout(4, { tick: { at: 0, width: 32 } });
const status1 = layout(8, STATUS_1_FIELDS);
const status2 = layout(8, STATUS_2_FIELDS);
const status3 = layout(8, STATUS_3_FIELDS);
const energy = layout(18, {
  inMwh: { at: 0, width: 48 },
  outMwh: { at: 48, width: 48 },
  tick: { at: 96, width: 32 },
  boot: { at: 128, width: 16 },
});
const cellDetail = layout(8, CELL_DETAIL_FIELDS);
const hardware = layout(10, { ...HARDWARE_FIELDS, fw: { at: 64, width: 16 } });
const stateReport = layout(8, {
  tick: { at: 0, width: 32 },
  state: { at: 32, width: 4 },
  status: { at: 36, width: 4 },
  faults: { at: 40, width: 8 },
  voltage: { at: 48, width: 16, scale: SCALE.voltage },
});
const outcome = layout(11, {
  tick: { at: 0, width: 32 },
  command: { at: 32, width: 8 },
  code: { at: 40, width: 8 },
  class: { at: 48, width: 8 },
  counter: { at: 56, width: 32 },
});
const logFrameHead = layout(4, { counter: { at: 0, width: 32 } });
const capability = layout(8, {
  version: { at: 0, width: 8 },
  capabilities: { at: 8, width: 32 },
  maxRate: { at: 40, width: 8 },
  maxPdu: { at: 48, width: 16 },
});
const statement = layout(26, {
  boot: { at: 64, width: 16 },
  tick: { at: 80, width: 32 },
  inMwh: { at: 112, width: 48 },
  outMwh: { at: 160, width: 48 },
});
const STATEMENT_LENGTH = 58;

/** Module to pack. */
export const MODULE_BODIES: SpecsOf<ModuleMessage> = {
  telemetry: {
    type: INNER_TYPE.telemetry,
    class: "normal",
    length: 42,
    read(body) {
      const { inMwh, outMwh, tick, boot } = energy.read(body, 24);
      return {
        kind: "telemetry",
        status1: status1.read(body, 0),
        status2: status2.read(body, 8),
        status3: status3.read(body, 16),
        inMwh: milliwattHours(inMwh),
        outMwh: milliwattHours(outMwh),
        tick,
        boot,
      };
    },
    write(message, body) {
      status1.write(message.status1, body, 0);
      status2.write(message.status2, body, 8);
      status3.write(message.status3, body, 16);
      energy.write(message, body, 24);
    },
  },
  "cell-detail": {
    type: INNER_TYPE.cellDetail,
    class: "normal",
    length: cellDetail.length,
    read: (body) => ({ kind: "cell-detail", ...cellDetail.read(body) }),
    write: (message, body) => cellDetail.write(message, body),
  },
  hardware: {
    type: INNER_TYPE.hardware,
    class: "normal",
    length: hardware.length,
    read: (body) => ({ kind: "hardware", ...hardware.read(body) }),
    write: (message, body) => hardware.write(message, body),
  },
  "state-report": {
    type: INNER_TYPE.stateChange,
    class: "urgent",
    length: stateReport.length,
    read: (body) => ({ kind: "state-report", ...stateReport.read(body) }),
    write: (message, body) => stateReport.write(message, body),
  },
  outcome: {
    type: INNER_TYPE.outcome,
    class: "normal",
    length: outcome.length,
    read: (body) => ({ kind: "outcome", ...outcome.read(body) }),
    write: (message, body) => outcome.write(message, body),
  },
  "time-request": {
    type: INNER_TYPE.time,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "time-request", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
  "log-frame": {
    type: INNER_TYPE.logFrame,
    class: "bulk",
    length: logFrameHead.length + LOG_FRAME_LENGTH,
    read: (body) => ({
      kind: "log-frame",
      counter: logFrameHead.read(body).counter,
      data: body.slice(logFrameHead.length),
    }),
    write(message, body) {
      logFrameHead.write(message, body);
      body.set(sized(message.data, LOG_FRAME_LENGTH, "a log frame"), logFrameHead.length);
    },
  },
  capability: {
    type: INNER_TYPE.capability,
    class: "normal",
    length: capability.length,
    read: (body) => ({ kind: "capability", ...capability.read(body) }),
    write: (message, body) => capability.write(message, body),
  },
  "counter-statement": {
    type: INNER_TYPE.counterStatement,
    class: "normal",
    length: STATEMENT_LENGTH,
    read(body) {
      const { boot, tick, inMwh, outMwh } = statement.read(body);
      return {
        kind: "counter-statement",
        uid: moduleUid(toHex(body.subarray(0, 8))),
        boot,
        tick,
        inMwh: milliwattHours(inMwh),
        outMwh: milliwattHours(outMwh),
        mac: body.slice(statement.length),
      };
    },
    write(message, body) {
      body.set(fromHex(message.uid), 0);
      statement.write(message, body);
      body.set(sized(message.mac, 32, "a counter statement's code"), statement.length);
    },
  },
  ping: {
    type: INNER_TYPE.ping,
    class: "normal",
    length: tickOnly.length,
    read: (body) => ({ kind: "ping", ...tickOnly.read(body) }),
    write: (message, body) => tickOnly.write(message, body),
  },
};

export function sized(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) {
    throw new CanProtocolError("field-range", "usage", `${what} has ${length} bytes`);
  }
  return bytes;
}
