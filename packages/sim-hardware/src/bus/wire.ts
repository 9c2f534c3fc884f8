import type { Cancel, Micros } from "@wattseal/base";
import { type BusErrorKind, type BusInfo, type CanFrame, frameNanos } from "@wattseal/can-protocol";
import type { SimKernel } from "../time/kernel.js";
import { nanosThrough } from "./bits.js";
import { type Disturbance, type Fate, fateOf, isAmong, type Sender } from "./fate.js";
import { type BusNode, wins } from "./node.js";
import { RecessiveRuns } from "./recessive-runs.js";

/** Error (or overload) delimiter and intermission. */
const DELIMITER_BITS = 8 + 3;
const ERROR_FLAG_BITS = 6;
const ANSWERED_FLAG_BITS = 12;
/** Error passive senders wait so much longer for their next frame. */
const SUSPEND_BITS = 8;
/** ISO 11898-1 §12.1.4.2 f: so many further dominant bits count as another error. */
const DOMINANT_PERIOD_BITS = 8;
const RECOVERY_RUNS = 128;

type Kind<K extends Fate["kind"]> = Extract<Fate, { kind: K }>;

/** What the wire asks of the bus that it is part of. */
export interface WireHooks {
  disturbance(frame: CanFrame, from: string): Disturbance | undefined;
  /** A frame is whole; returns it as it is to be received. */
  whole(frame: CanFrame, time: Micros, from: string): CanFrame;
  /** An error frame begins: what was on the wire has come to nothing. */
  broken(kind: BusErrorKind, time: Micros): void;
  busy(time: number, nanos: number, frames: 0 | 1): void;
}

interface Transmission {
  readonly senders: readonly Sender[];
  readonly start: number;
  readonly cancel: Cancel;
}

/**
 * Copper that joins controllers, under the rules of ISO 11898-1: arbitration, acknowledgement, error frames,
 * retransmission, fault confinement.
 */
export class Wire {
  readonly #info: BusInfo;
  readonly #kernel: SimKernel;
  readonly #hooks: WireHooks;
  readonly #bitMicros: number;
  readonly #recessive: RecessiveRuns;
  readonly #disturbanceOf = ({ frame, node }: Sender) => this.#hooks.disturbance(frame, node.name);
  #nodes: readonly BusNode[] = [];
  /** Those that may have something to send. */
  #queued: BusNode[] = [];
  #phase: "idle" | "due" | "busy" = "idle";
  #transmission: Transmission | undefined;
  #cancelIdle: Cancel = () => {};
  /** How many hold the wire dominant. */
  #held = 0;
  /** End of the last frame, and by how many ns its rounding up to the µs came late. */
  #idleFrom = 0;
  #lateNanos = 0;

  constructor(kernel: SimKernel, info: BusInfo, hooks: WireHooks) {
    this.#kernel = kernel;
    this.#info = info;
    this.#hooks = hooks;
    this.#bitMicros = 1e6 / info.nominalBitRate;
    this.#recessive = new RecessiveRuns(kernel, info);
  }

  get nodes(): readonly BusNode[] {
    return this.#nodes;
  }

  join(node: BusNode): void {
    this.#nodes = [...this.#nodes, node];
    this.#queued.push(node);
    if (node.errors.off) this.#recoverLater(node);
    if (this.#held > 0) this.#countDominant([]);
    this.arbitrateSoon();
  }

  /** A node that leaves in the middle of its frame leaves a broken one behind. */
  leave(node: BusNode): void {
    this.#nodes = this.#nodes.filter((other) => other !== node);
    this.#queued = this.#queued.filter((other) => other !== node);
    const transmission = this.#transmission;
    if (transmission?.senders.some((sender) => sender.node === node) !== true) return;
    transmission.cancel();
    this.#transmission = undefined;
    this.#receiversFail(transmission.senders, "stuff");
    const spent = this.#kernel.nowMicros() - transmission.start;
    this.#errorFrame("stuff", ANSWERED_FLAG_BITS, spent * 1000);
  }

  /** A node has something to send. */
  queued(node: BusNode): void {
    if (!this.#queued.includes(node)) this.#queued.push(node);
    this.arbitrateSoon();
  }

  /** At the end of this µs, so that whoever has something to send by then takes part. */
  arbitrateSoon(): void {
    if (this.#phase !== "idle" || this.#held > 0) return;
    this.#phase = "due";
    this.#kernel.atMicros(this.#kernel.nowMicros(), () => this.#arbitrate());
  }

  /** Pulls the wire dominant until called back. */
  hold(): Cancel {
    this.#held += 1;
    if (this.#held === 1) this.#seize();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#held -= 1;
      if (this.#held === 0) this.#idleAfter(DELIMITER_BITS);
    };
  }

  #arbitrate(): void {
    if (this.#phase !== "due") return;
    this.#phase = "idle";
    const now = this.#kernel.nowMicros();
    let winner: BusNode | undefined;
    let frame: CanFrame | undefined;
    let offers = 0;
    let kept = 0;
    let suspended = Number.POSITIVE_INFINITY;
    for (const node of this.#queued) {
      const { offer } = node;
      if (offer === undefined) continue;
      this.#queued[kept] = node;
      kept += 1;
      if (node.suspendedUntil > now) {
        suspended = Math.min(suspended, node.suspendedUntil);
        continue;
      }
      offers += 1;
      if (frame !== undefined && !wins(offer, frame)) continue;
      winner = node;
      frame = offer;
    }
    this.#queued.length = kept;
    if (winner !== undefined && frame !== undefined) {
      const first = { node: winner, frame };
      this.#begin(offers === 1 ? [first] : [first, ...this.#rivals(first, now)]);
    } else if (suspended !== Number.POSITIVE_INFINITY) {
      this.#kernel.atMicros(suspended, () => this.arbitrateSoon());
    }
  }

  /** Whoever sends under the same identifier goes on beside the winner; the others have lost. */
  #rivals(winner: Sender, now: number): readonly Sender[] {
    const rivals: Sender[] = [];
    for (const node of this.#queued) {
      const { offer } = node;
      if (node === winner.node || offer === undefined || node.suspendedUntil > now) continue;
      const same = offer.id === winner.frame.id && offer.fd === winner.frame.fd;
      if (same) rivals.push({ node, frame: offer });
      else node.arbitrationLosses += 1;
    }
    return rivals;
  }

  #begin(contenders: readonly Sender[]): void {
    this.#phase = "busy";
    const fate = fateOf(contenders, this.#nodes, this.#disturbanceOf);
    for (const { node } of fate.dropped) this.#senderFails(node, "bit", ANSWERED_FLAG_BITS);
    switch (fate.kind) {
      case "whole":
        this.#carry(fate);
        return;
      case "unheard":
        this.#phase = "idle";
        return;
      case "repeated":
        this.#carryTwice(fate);
        return;
      case "broken":
        this.#break(fate);
    }
  }

  #carry(fate: Kind<"whole">): void {
    const { senders } = fate;
    const frame = frameOf(senders);
    const start = this.#kernel.nowMicros();
    const nanos = frameNanos(frame, this.#info);
    const exact = nanos - (start === this.#idleFrom ? this.#lateNanos : 0);
    const end = start + Math.ceil(exact / 1000);
    this.#occupy(senders, end, () => {
      this.#idleFrom = end;
      this.#lateNanos = (end - start) * 1000 - exact;
      this.#hooks.busy(end, nanos, 1);
      this.#recessive.idle();
      this.#deliver(fate, frame);
      this.#phase = "idle";
      this.arbitrateSoon();
    });
  }

  #deliver({ senders, dropped, misses }: Kind<"whole">, frame: CanFrame): void {
    const time = this.#kernel.nowMicros();
    const delivered = this.#hooks.whole(frame, time, senders[0]?.node.name ?? "");
    for (const node of this.#nodes) {
      // Nothing to count and nothing to receive: by far the most of them.
      if (node !== misses && node.errors.receiveErrors === 0 && !node.accepts(frame.id)) continue;
      if (node.errors.off || isAmong(senders, node) || isAmong(dropped, node)) continue;
      if (node === misses) {
        node.errors.receiveError();
        this.#tell(node, "crc", false);
        continue;
      }
      if (node.errors.receiveErrors > 0) {
        node.errors.receivedWell();
        node.settle(time);
      }
      node.receive(delivered, time);
    }
    for (const { node, frame: own } of senders) {
      if (node.errors.transmitErrors > 0) {
        node.errors.sentWell();
        this.#suspend(node, 0);
        node.settle(time);
      }
      node.complete(own, time);
    }
  }

  #carryTwice({ senders, bits, at }: Kind<"repeated">): void {
    const frame = frameOf(senders);
    const nanos = nanosThrough(bits, at, this.#info);
    this.#occupy(senders, this.#after(nanos), () => {
      const time = this.#kernel.nowMicros();
      const delivered = this.#hooks.whole(frame, time, senders[0]?.node.name ?? "");
      for (const node of this.#nodes) {
        if (!node.errors.off && !isAmong(senders, node)) node.receive(delivered, time);
      }
      for (const { node } of senders) this.#senderFails(node, "form", ERROR_FLAG_BITS);
      this.#errorFrame("form", ERROR_FLAG_BITS, nanos);
    });
  }

  #break({ senders, dropped, bits, at, error, flagBits, detectedBy }: Kind<"broken">): void {
    const nanos = nanosThrough(bits, at, this.#info);
    this.#occupy(senders, this.#after(nanos), () => {
      if (detectedBy?.errors.off === false) {
        detectedBy.errors.receiveError();
        detectedBy.errors.dominantAfterFlag();
        this.#tell(detectedBy, "crc", false);
      }
      for (const { node } of senders) this.#senderFails(node, error, flagBits);
      this.#receiversFail(
        [...senders, ...dropped],
        error === "form" ? "form" : "stuff",
        detectedBy,
      );
      this.#errorFrame(error, flagBits, nanos);
    });
  }

  #occupy(senders: readonly Sender[], end: number, then: () => void): void {
    this.#recessive.busy();
    const cancel = this.#kernel.atMicros(end, () => {
      this.#transmission = undefined;
      then();
    });
    this.#transmission = { senders, start: this.#kernel.nowMicros(), cancel };
  }

  /** The flag, its delimiter and the intermission, after `nanos` of a frame that came to nothing. */
  #errorFrame(kind: BusErrorKind, flagBits: number, nanos: number): void {
    const bits = flagBits + DELIMITER_BITS;
    this.#hooks.broken(kind, this.#kernel.nowMicros());
    this.#hooks.busy(this.#kernel.nowMicros(), nanos + bits * this.#bitMicros * 1000, 0);
    this.#idleAfter(bits);
  }

  #idleAfter(bits: number): void {
    this.#phase = "busy";
    this.#cancelIdle();
    this.#cancelIdle = this.#kernel.atMicros(this.#after(bits * this.#bitMicros * 1000), () => {
      if (this.#held > 0) return;
      this.#recessive.idle();
      this.#phase = "idle";
      this.arbitrateSoon();
    });
  }

  #senderFails(node: BusNode, kind: BusErrorKind, flagBits: number): void {
    if (kind === "ack") node.errors.acknowledgementError();
    else node.errors.transmitError();
    this.#suspend(node, flagBits + DELIMITER_BITS);
    this.#tell(node, kind, true);
  }

  #receiversFail(senders: readonly Sender[], kind: BusErrorKind, except?: BusNode): void {
    for (const node of this.#nodes) {
      if (node === except || node.errors.off || isAmong(senders, node)) continue;
      node.errors.receiveError();
      this.#tell(node, kind, false);
    }
  }

  #tell(node: BusNode, kind: BusErrorKind, transmitting: boolean): void {
    const time = this.#kernel.nowMicros();
    const { off } = node.errors;
    node.fail({ kind, transmitting }, time);
    node.settle(time);
    if (off) this.#recoverLater(node);
  }

  #recoverLater(node: BusNode): void {
    this.#recessive.after(RECOVERY_RUNS, () => {
      if (!node.errors.off || !this.#nodes.includes(node)) return;
      node.errors.reset();
      node.settle(this.#kernel.nowMicros());
      this.arbitrateSoon();
    });
  }

  /** Beyond the `bits` that the wire is still busy. */
  #suspend(node: BusNode, bits: number): void {
    if (!node.errors.passive) return;
    node.suspendedUntil = this.#after((bits + SUSPEND_BITS) * this.#bitMicros * 1000);
  }

  #seize(): void {
    this.#phase = "busy";
    this.#cancelIdle();
    this.#recessive.busy();
    const senders = this.#transmission?.senders ?? [];
    this.#transmission?.cancel();
    this.#transmission = undefined;
    for (const { node } of senders) this.#senderFails(node, "bit", ANSWERED_FLAG_BITS);
    this.#receiversFail(senders, "stuff");
    this.#countDominant(senders);
  }

  /** Senders count until they are off, receivers until they are passive. */
  #countDominant(senders: readonly Sender[]): void {
    this.#kernel.atMicros(this.#after(DOMINANT_PERIOD_BITS * this.#bitMicros * 1000), () => {
      if (this.#held === 0) return;
      let moving = false;
      for (const node of this.#nodes) {
        const sending = isAmong(senders, node);
        if (node.errors.off || (!sending && node.errors.passive)) continue;
        moving = true;
        if (sending) node.errors.transmitError();
        else node.errors.dominantAfterFlag();
        this.#tell(node, "form", sending);
      }
      if (moving) this.#countDominant(senders);
    });
  }

  #after(nanos: number): number {
    return this.#kernel.nowMicros() + Math.ceil(nanos / 1000);
  }
}

const EMPTY: CanFrame = { id: 0, data: new Uint8Array(), fd: false };
const frameOf = (senders: readonly Sender[]): CanFrame => senders[0]?.frame ?? EMPTY;
