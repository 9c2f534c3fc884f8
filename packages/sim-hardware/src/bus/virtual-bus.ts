import type { Cancel, Micros } from "@wattseal/base";
import { type BusInfo, type CanBus, type CanFrame, frameNanos } from "@wattseal/can-protocol";
import type { SimKernel } from "../time/kernel.js";
import { LoadMeter } from "./load.js";
import { BusNode, type Wire, wins } from "./node.js";

const DEFAULT_MAILBOXES = 4;

export interface AttachOptions {
  /** For taps and messages. */
  readonly name?: string;
  /** Transmit mailboxes of the controller. */
  readonly mailboxes?: number;
}

/** Sees every frame as it was delivered; owns nothing of it. */
export type BusTap = (frame: CanFrame, time: Micros, from: string) => void;

/** A bit that arrives flipped although every CRC matched: what a faulty or hostile node can do. */
export interface Corruption {
  /** From the first bit of the data field, taken modulo its length. */
  readonly bit: number;
  /** Only a frame of this kind; otherwise the next one. */
  readonly matches?: (frame: CanFrame) => boolean;
}

export interface BusLoad {
  /** Share of the last second that the wire was busy, 0 to 1. */
  readonly busy: number;
  readonly framesPerSecond: number;
  /** Since the bus came into being. */
  readonly frames: number;
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
 * wire is idle the lowest identifier among the nodes' mailboxes goes next. Equal identifiers from two nodes
 * (on a real wire a bit error) go in the order of attachment. A frame that no other node is there to
 * acknowledge stays in its mailbox.
 */
export class VirtualBus {
  readonly info: BusInfo;
  readonly #kernel: SimKernel;
  readonly #load = new LoadMeter();
  readonly #wire: Wire;
  #nodes: readonly BusNode[] = [];
  #taps: readonly BusTap[] = [];
  #corruptions: readonly Corruption[] = [];
  #frames = 0;
  #attached = 0;
  #arbitration: "idle" | "due" | "transmitting" = "idle";
  /** End of the last frame, and by how many ns its rounding up to the µs came late. */
  #idleFrom = 0;
  #lateNanos = 0;

  constructor(kernel: SimKernel, info: BusInfo) {
    this.#kernel = kernel;
    this.info = info;
    this.#wire = {
      info,
      queued: () => this.#arbitrateSoon(),
      detach: (node) => {
        this.#nodes = this.#nodes.filter((other) => other !== node);
      },
    };
  }

  attach(options: AttachOptions = {}): CanBus {
    this.#attached += 1;
    const name = options.name ?? `node-${this.#attached}`;
    const node = new BusNode(this.#wire, name, options.mailboxes ?? DEFAULT_MAILBOXES);
    this.#nodes = [...this.#nodes, node];
    this.#arbitrateSoon();
    return node;
  }

  tap(tap: BusTap): Cancel {
    this.#taps = [...this.#taps, tap];
    return () => {
      this.#taps = this.#taps.filter((other) => other !== tap);
    };
  }

  corruptNext(corruption: Corruption): void {
    this.#corruptions = [...this.#corruptions, corruption];
  }

  load(): BusLoad {
    return { ...this.#load.recent(this.#kernel.nowMicros()), frames: this.#frames };
  }

  /** At the end of this µs, so that whoever has something to send by then takes part. */
  #arbitrateSoon(): void {
    if (this.#arbitration !== "idle") return;
    this.#arbitration = "due";
    this.#kernel.atMicros(this.#kernel.nowMicros(), () => this.#arbitrate());
  }

  #arbitrate(): void {
    this.#arbitration = "idle";
    if (this.#nodes.length < 2) return;
    let winner: BusNode | undefined;
    let frame: CanFrame | undefined;
    for (const node of this.#nodes) {
      const { offer } = node;
      if (offer === undefined || (frame !== undefined && !wins(offer, frame))) continue;
      winner = node;
      frame = offer;
    }
    if (winner === undefined || frame === undefined) return;
    this.#transmit(winner, frame);
  }

  #transmit(node: BusNode, frame: CanFrame): void {
    this.#arbitration = "transmitting";
    const start = this.#kernel.nowMicros();
    const nanos = frameNanos(frame, this.info);
    const exact = nanos - (start === this.#idleFrom ? this.#lateNanos : 0);
    const end = start + Math.ceil(exact / 1000);
    this.#kernel.atMicros(end, () => {
      this.#idleFrom = end;
      this.#lateNanos = (end - start) * 1000 - exact;
      this.#load.add(end, nanos);
      this.#frames += 1;
      this.#arbitration = "idle";
      this.#deliver(node, frame);
      this.#arbitrateSoon();
    });
  }

  #deliver(from: BusNode, frame: CanFrame): void {
    const time = this.#kernel.nowMicros();
    const delivered = this.#corruptions.length === 0 ? frame : this.#corrupted(frame);
    for (const tap of this.#taps) tap(delivered, time, from.name);
    for (const node of this.#nodes) if (node !== from) node.receive(delivered, time);
    from.complete(frame, time);
  }

  #corrupted(frame: CanFrame): CanFrame {
    const due = this.#corruptions.find((one) => one.matches === undefined || one.matches(frame));
    if (due === undefined) return frame;
    this.#corruptions = this.#corruptions.filter((other) => other !== due);
    return flipBit(frame, due.bit);
  }
}
