/**
 * The pack's shunt on the bus.
 *
 * Trust: it speaks in the clear, and anyone on the wire can speak for it. What it says makes suspects of modules' records
 * or leaves them as they are; see ShuntBook in energy-ledger.
 */
import type { Clock } from "@wattseal/base";
import {
  type BusListener,
  type CanBus,
  type CanFrame,
  SCALE,
  type ShuntAlarm,
  ShuntReceiver,
  type ShuntSample,
} from "@wattseal/can-protocol";

export interface ShuntListener {
  sample(sample: ShuntSample): void;
  alarm(alarm: ShuntAlarm): void;
}

/** What the shunt shows now. Nothing of it is authenticated. */
export interface ShuntShown {
  readonly volts: number;
  /** Positive charges the pack. */
  readonly amps: number;
  /** mWh, its own counters. */
  readonly inMwh: number;
  readonly outMwh: number;
}

export interface PackShuntOptions {
  readonly bus: CanBus;
  readonly clock: Clock;
  readonly listener: ShuntListener;
}

const STALE_MS = 2000;

export class PackShunt implements BusListener {
  readonly #options: PackShuntOptions;
  readonly #receiver = new ShuntReceiver();
  #unlisten: (() => void) | undefined;
  #last: ShuntSample | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  #readings = 0;

  constructor(options: PackShuntOptions) {
    this.#options = options;
  }

  /** Whole readings. */
  get readings(): number {
    return this.#readings;
  }

  /** Undefined where it has said nothing for 2 s: never shown as live. */
  get shown(): ShuntShown | undefined {
    const last = this.#last;
    if (last === undefined || this.#options.clock.now() - this.#heardAt > STALE_MS)
      return undefined;
    const { inMwh, outMwh } = last;
    const { voltage, packCurrent } = SCALE;
    return {
      volts: (last.voltage * voltage.multiply) / voltage.divide,
      amps: (last.current * packCurrent.multiply) / packCurrent.divide,
      inMwh,
      outMwh,
    };
  }

  start(): void {
    this.#unlisten = this.#options.bus.listen(this);
  }

  stop(): void {
    this.#unlisten?.();
    this.#unlisten = undefined;
    for (const alarm of this.#receiver.close()) this.#options.listener.alarm(alarm);
  }

  frame(frame: CanFrame, time: Parameters<BusListener["frame"]>[1]): void {
    const { listener, clock } = this.#options;
    const { sample, alarms } = this.#receiver.frame(frame, time);
    for (const alarm of alarms) listener.alarm(alarm);
    if (sample === undefined) return;
    this.#readings += 1;
    this.#last = sample;
    this.#heardAt = clock.now();
    listener.sample(sample);
  }

  sent(): void {
    // Nothing is ever sent to a shunt.
  }

  error(): void {
    // The controller repeats the frame.
  }

  state(): void {
    // What is not heard is missed when the window closes.
  }
}
