import type { Cancel, Micros } from "@wattseal/base";
import type { BusErrorKind, BusInfo, BusState, CanBus, CanFrame } from "@wattseal/can-protocol";
import type { SimKernel } from "../time/kernel.js";
import type { Disturbance } from "./fate.js";
import { LoadMeter } from "./load.js";
import { type AcceptanceFilter, BusNode } from "./node.js";
import { Wire } from "./wire.js";

const DEFAULT_MAILBOXES = 4;

export interface AttachOptions {
  /** For taps, messages and faults. */
  readonly name?: string;
  /** Transmit mailboxes of the controller. */
  readonly mailboxes?: number;
  /** Frames that pass one of them are received; without any, all are. */
  readonly filters?: readonly AcceptanceFilter[];
}

/** Sees every frame as it was delivered; owns nothing of it. */
export type BusTap = (frame: CanFrame, time: Micros, from: string) => void;

/** Sees every error frame when it begins. */
export type ErrorTap = (kind: BusErrorKind, time: Micros) => void;

/** Asked about each frame when it begins: whether, and where, it is disturbed. */
export type Disturber = (frame: CanFrame, from: string) => Disturbance | undefined;

/** A bit that arrives flipped although every CRC matched: what a faulty or hostile node can do. */
export interface Corruption {
  /** From the first bit of the data field, taken modulo its length. */
  readonly bit: number;
  /** Only a frame of this kind; otherwise the next one. */
  readonly matches?: (frame: CanFrame) => boolean;
}

export interface BusLoad {
  /** Share of the last second that the wire was busy, error frames included, 0 to 1. */
  readonly busy: number;
  readonly framesPerSecond: number;
  /** Since the bus came into being. */
  readonly frames: number;
}

export interface ControllerView {
  readonly name: string;
  readonly state: BusState;
  readonly transmitErrors: number;
  readonly receiveErrors: number;
  readonly arbitrationLosses: number;
}

export type VirtualNode = CanBus & ControllerView;

interface Cut {
  readonly beyond: (name: string) => boolean;
  readonly wire: Wire;
}

function flipBit(frame: CanFrame, bit: number): CanFrame {
  if (frame.data.length === 0) return frame;
  const data = frame.data.slice();
  const at = bit % (8 * data.length);
  data[at >> 3] = (data[at >> 3] ?? 0) ^ (0x80 >> (at & 7));
  return { id: frame.id, data, fd: frame.fd };
}

/**
 * A CAN bus, classic or FD: each frame takes the time of its bits with its own stuff bits, and whenever the
 * wire is idle the lowest identifier among the nodes' mailboxes goes next. Errors, retransmission and fault
 * confinement are those of ISO 11898-1. Taps and the load are those of the main wire.
 */
export class VirtualBus {
  readonly info: BusInfo;
  readonly #kernel: SimKernel;
  readonly #load = new LoadMeter();
  readonly #main: Wire;
  #cuts: readonly Cut[] = [];
  #taps: readonly BusTap[] = [];
  #errorTaps: readonly ErrorTap[] = [];
  #corruptions: readonly Corruption[] = [];
  #disturbers: readonly Disturber[] = [];
  #frames = 0;
  #attached = 0;

  constructor(kernel: SimKernel, info: BusInfo) {
    this.#kernel = kernel;
    this.info = info;
    this.#main = new Wire(kernel, info, {
      disturbance: (frame, from) => this.#disturbance(frame, from),
      whole: (frame, time, from) => this.#whole(frame, time, from),
      broken: (kind, time) => {
        for (const tap of this.#errorTaps) tap(kind, time);
      },
      busy: (time, nanos, frames) => {
        this.#load.add(time, nanos, frames);
        this.#frames += frames;
      },
    });
  }

  attach(options: AttachOptions = {}): VirtualNode {
    this.#attached += 1;
    const name = options.name ?? `node-${this.#attached}`;
    const mailboxes = options.mailboxes ?? DEFAULT_MAILBOXES;
    const attachment = {
      info: this.info,
      queued: (ready: BusNode): void => this.#wireOf(name).queued(ready),
      detach: (gone: BusNode): void => this.#wireWith(gone)?.leave(gone),
    };
    const node = new BusNode(attachment, name, mailboxes, options.filters ?? []);
    this.#wireOf(name).join(node);
    return node;
  }

  tap(tap: BusTap): Cancel {
    this.#taps = [...this.#taps, tap];
    return () => {
      this.#taps = this.#taps.filter((other) => other !== tap);
    };
  }

  tapErrors(tap: ErrorTap): Cancel {
    this.#errorTaps = [...this.#errorTaps, tap];
    return () => {
      this.#errorTaps = this.#errorTaps.filter((other) => other !== tap);
    };
  }

  corruptNext(corruption: Corruption): void {
    this.#corruptions = [...this.#corruptions, corruption];
  }

  /** Until called back. Of several, the first that has something to say is believed. */
  disturb(disturber: Disturber): Cancel {
    this.#disturbers = [...this.#disturbers, disturber];
    return () => {
      this.#disturbers = this.#disturbers.filter((other) => other !== disturber);
    };
  }

  /** A short circuit: the main wire is dominant until called back. */
  holdDominant(): Cancel {
    return this.#main.hold();
  }

  /**
   * Cuts the cable: the nodes with these names are on a wire of their own until called back. Whoever is alone
   * on a wire has nobody to acknowledge its frames.
   */
  cut(beyond: (name: string) => boolean): Cancel {
    const wire = new Wire(this.#kernel, this.info, {
      disturbance: () => undefined,
      whole: (frame) => frame,
      broken: () => {},
      busy: () => {},
    });
    const cut = { beyond, wire };
    this.#cuts = [...this.#cuts, cut];
    this.#rewire();
    return () => {
      this.#cuts = this.#cuts.filter((other) => other !== cut);
      this.#rewire([wire]);
    };
  }

  load(): BusLoad {
    return { ...this.#load.recent(this.#kernel.nowMicros()), frames: this.#frames };
  }

  /** In the order of attachment, main wire first. */
  get controllers(): readonly ControllerView[] {
    return this.#wires.flatMap(({ nodes }) => nodes);
  }

  get #wires(): readonly Wire[] {
    return [this.#main, ...this.#cuts.map(({ wire }) => wire)];
  }

  /** The last of several cuts counts. */
  #wireOf(name: string): Wire {
    if (this.#cuts.length === 0) return this.#main;
    return this.#cuts.findLast(({ beyond }) => beyond(name))?.wire ?? this.#main;
  }

  #wireWith(node: BusNode): Wire | undefined {
    return this.#wires.find(({ nodes }) => nodes.includes(node));
  }

  #rewire(mended: readonly Wire[] = []): void {
    for (const from of [...this.#wires, ...mended]) {
      for (const node of from.nodes) {
        const to = this.#wireOf(node.name);
        if (to === from) continue;
        from.leave(node);
        to.join(node);
      }
    }
  }

  #disturbance(frame: CanFrame, from: string): Disturbance | undefined {
    for (const disturber of this.#disturbers) {
      const disturbance = disturber(frame, from);
      if (disturbance !== undefined) return disturbance;
    }
    return undefined;
  }

  #whole(frame: CanFrame, time: Micros, from: string): CanFrame {
    const delivered = this.#corruptions.length === 0 ? frame : this.#corrupted(frame);
    for (const tap of this.#taps) tap(delivered, time, from);
    return delivered;
  }

  #corrupted(frame: CanFrame): CanFrame {
    const due = this.#corruptions.find((one) => one.matches === undefined || one.matches(frame));
    if (due === undefined) return frame;
    this.#corruptions = this.#corruptions.filter((other) => other !== due);
    return flipBit(frame, due.bit);
  }
}
