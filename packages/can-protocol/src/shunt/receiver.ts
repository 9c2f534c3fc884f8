/**
 * Readings of the pack's shunt, which come in the clear.
 *
 * Trust: anyone on the wire can send these frames. What comes out here may take trust away from what modules say, and
 * never gives any; so the worst that a forger does is to keep honest energy from counting until somebody looks.
 */
import { type Micros, type MilliwattHours, milliwattHours, viewOf } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { encodeClear } from "../catalogue/clear-codec.js";
import { BROADCAST_ADDRESS, clearId } from "../catalogue/clear-id.js";
import { CLEAR_FRAMES } from "../catalogue/frames.js";
import { AlarmLimiter } from "../link/alarms.js";

export interface ShuntSample {
  /** When its last frame was on the bus. */
  readonly time: Micros;
  /** Steps of 0.015 V. */
  readonly voltage: number;
  /** Steps of 0.02 A, positive charging. */
  readonly current: number;
  /** The shunt's own counters. */
  readonly inMwh: MilliwattHours;
  readonly outMwh: MilliwattHours;
}

export interface ShuntAlarm {
  /**
   * `shunt-malformed`: a frame that no shunt sends. `shunt-sequence`: readings are missing, or a second sender counts
   * otherwise. `shunt-flood`: more than 50 readings a second, of which the surplus is dropped.
   */
  readonly kind: "shunt-malformed" | "shunt-sequence" | "shunt-flood";
  readonly id: number;
  /** How many of this kind, since the last one told, this one stands for beside itself. */
  readonly suppressed: number;
}

export interface ShuntHeard {
  /** A whole reading. */
  readonly sample: ShuntSample | undefined;
  /** One of a kind in 10 s. */
  readonly alarms: readonly ShuntAlarm[];
}

export interface ShuntValues {
  readonly volts: number;
  /** Positive charges the pack. */
  readonly amps: number;
  readonly inMwh: MilliwattHours;
  readonly outMwh: MilliwattHours;
}

const idOf = (name: "shuntReading" | "shuntIn" | "shuntOut") =>
  clearId({ base: CLEAR_FRAMES[name].base, sequence: 0, address: BROADCAST_ADDRESS });
const READING = idOf("shuntReading");
const IN = idOf("shuntIn");
const OUT = idOf("shuntOut");
const BASES: readonly number[] = [READING, IN, OUT].map((id) => id >>> 18);
const LENGTH = 8;
const NUMBERS = 256;
/** Raw value of 0 A. */
const CURRENT_ZERO = 2 ** 23;
/** Frames of one reading follow each other. */
const LONGEST_READING = 100_000;
const SHORTEST_PERIOD = 20_000;
const ALARM_SPACING_MS = 10_000;
const NOTHING: ShuntHeard = { sample: undefined, alarms: [] };

/** Of the shunt's bases, whatever the rest of the identifier says. */
export function isShunt(id: number): boolean {
  return BASES.includes(id >>> 18);
}

/** The three frames of reading `number` (any count: its last 8 bits are sent), in their order. Throws CanProtocolError `field-range`. */
export function encodeShunt(count: number, values: ShuntValues): readonly CanFrame[] {
  const number = count % NUMBERS;
  const { volts: voltage, amps: current, inMwh, outMwh } = values;
  return [
    encodeClear("shuntReading", { number, voltage, current }),
    encodeClear("shuntIn", { number, energy: inMwh }),
    encodeClear("shuntOut", { number, energy: outMwh }),
  ];
}

interface Begun {
  readonly number: number;
  readonly time: Micros;
  readonly voltage: number;
  readonly current: number;
  inMwh: MilliwattHours | undefined;
}

/** Puts the frames of one shunt together. Keeps one reading, whatever comes. */
export class ShuntReceiver {
  readonly #limiter = new AlarmLimiter<Omit<ShuntAlarm, "suppressed">>(
    ALARM_SPACING_MS,
    ({ kind }) => kind,
  );
  #begun: Begun | undefined;
  #last: { readonly number: number; readonly time: Micros } | undefined;

  /** Other frames than a shunt's say nothing. */
  frame(frame: CanFrame, time: Micros): ShuntHeard {
    if (!isShunt(frame.id)) return NOTHING;
    const heard = this.#take(frame, time);
    const due = this.#limiter.due(time / 1000);
    return due.length === 0 ? heard : { ...heard, alarms: [...due, ...heard.alarms] };
  }

  /** What was counted and not told yet: nobody will listen any more. */
  close(): readonly ShuntAlarm[] {
    return this.#limiter.rest();
  }

  #take({ id, data, fd }: CanFrame, time: Micros): ShuntHeard {
    const known = id === READING || id === IN || id === OUT;
    if (!known || fd || data.length !== LENGTH) {
      return { sample: undefined, alarms: this.#alarms("shunt-malformed", id, time) };
    }
    const view = viewOf(data);
    const number = view.getUint8(0);
    if (id === READING) {
      const current = view.getUint16(4, true) + 2 ** 16 * view.getUint8(6) - CURRENT_ZERO;
      this.#begun = { number, time, voltage: view.getUint16(2, true), current, inMwh: undefined };
      return NOTHING;
    }
    const begun = this.#begun;
    if (begun?.number !== number || time - begun.time > LONGEST_READING) return NOTHING;
    const energy = milliwattHours(view.getUint16(2, true) + 2 ** 16 * view.getUint32(4, true));
    if (id === IN) {
      begun.inMwh = energy;
      return NOTHING;
    }
    this.#begun = undefined;
    return begun.inMwh === undefined ? NOTHING : this.#whole(begun, begun.inMwh, energy, time);
  }

  #whole(
    { number, voltage, current }: Begun,
    inMwh: MilliwattHours,
    outMwh: MilliwattHours,
    time: Micros,
  ): ShuntHeard {
    const last = this.#last;
    if (last !== undefined && time - last.time < SHORTEST_PERIOD) {
      return { sample: undefined, alarms: this.#alarms("shunt-flood", OUT, time) };
    }
    this.#last = { number, time };
    const follows = last === undefined || number === (last.number + 1) % NUMBERS;
    const alarms = follows ? [] : this.#alarms("shunt-sequence", OUT, time);
    return { sample: { time, voltage, current, inMwh, outMwh }, alarms };
  }

  #alarms(kind: ShuntAlarm["kind"], id: number, time: Micros): readonly ShuntAlarm[] {
    const alarm = this.#limiter.pass({ kind, id }, time / 1000);
    return alarm === undefined ? [] : [alarm];
  }
}
