import type { Micros } from "@wattseal/base";
import type {
  BusError,
  BusInfo,
  BusListener,
  BusState,
  CanBus,
  CanFrame,
} from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import { FaultConfinement } from "./confinement.js";
import { BusListeners } from "./listeners.js";

/** What a controller needs of the wire it is attached to. */
export interface Attachment {
  readonly info: BusInfo;
  /** Something was queued. */
  queued(node: BusNode): void;
  detach(node: BusNode): void;
}

/** A hardware filter: frames whose identifier equals `code` in the bits of `mask` are received. */
export interface AcceptanceFilter {
  readonly code: number;
  readonly mask: number;
}

const EVERYTHING: AcceptanceFilter = { code: 0, mask: 0 };
const FD_SIZES = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]);
const LARGEST_ID = 0x1f_ff_ff_ff;

/** Refuses what no controller could be asked to send. */
export function checkFrame(frame: CanFrame, info: BusInfo): void {
  if (!Number.isInteger(frame.id) || frame.id < 0 || frame.id > LARGEST_ID) {
    throw new SimError("frame-shape", "usage", `${frame.id} is not a 29-bit identifier`);
  }
  const { length } = frame.data;
  if (frame.fd && info.dataBitRate === undefined) {
    throw new SimError(
      "fd-on-classic-bus",
      "usage",
      "the bus is configured as having classic nodes: a CAN FD frame would destroy their traffic",
    );
  }
  if (frame.fd ? !FD_SIZES.has(length) : length > 8) {
    const kind = frame.fd ? "CAN FD" : "classic";
    throw new SimError("frame-shape", "usage", `a ${kind} frame cannot carry ${length} bytes`);
  }
}

/** The order in which frames win the wire; on equal identifiers the classic one, whose FDF bit is dominant. */
export function wins(frame: CanFrame, over: CanFrame): boolean {
  return frame.id < over.id || (frame.id === over.id && !frame.fd && over.fd);
}

/** One controller: a few transmit mailboxes, of which it offers the one that would win first, and its error counters. */
export class BusNode implements CanBus {
  readonly info: BusInfo;
  readonly name: string;
  readonly mailboxes: number;
  readonly errors = new FaultConfinement();
  /** How often a frame of ours had to let a lower identifier go first. */
  arbitrationLosses = 0;
  /** An error passive sender waits 8 bits longer than others before its next frame, in µs UTC. */
  suspendedUntil = 0;
  readonly #wire: Attachment;
  /** The first filter lies open: it is asked for every frame on the wire. */
  readonly #code: number;
  readonly #mask: number;
  readonly #moreFilters: readonly AcceptanceFilter[];
  /** In the order of arbitration; equal ones in the order of `send`. */
  readonly #queue: CanFrame[] = [];
  readonly #listeners = new BusListeners();
  #told: BusState = "active";
  #closed = false;

  constructor(
    wire: Attachment,
    name: string,
    mailboxes: number,
    filters: readonly AcceptanceFilter[],
  ) {
    this.#wire = wire;
    this.info = wire.info;
    this.name = name;
    this.mailboxes = mailboxes;
    const [first = EVERYTHING, ...more] = filters;
    this.#code = first.code;
    this.#mask = first.mask;
    this.#moreFilters = more;
  }

  get state(): BusState {
    return this.errors.state;
  }
  get transmitErrors(): number {
    return this.errors.transmitErrors;
  }
  get receiveErrors(): number {
    return this.errors.receiveErrors;
  }

  /** The frame that takes part in arbitration. */
  get offer(): CanFrame | undefined {
    return this.#queue[0];
  }

  /** In bus-off nothing is taken. */
  send(frame: CanFrame): boolean {
    if (this.#closed) throw new SimError("bus-closed", "usage", `${this.name} has left the bus`);
    checkFrame(frame, this.info);
    if (this.errors.off || this.#queue.length >= this.mailboxes) return false;
    let at = this.#queue.length;
    while (at > 0 && wins(frame, this.#queue[at - 1] ?? frame)) at -= 1;
    this.#queue.splice(at, 0, frame);
    this.#wire.queued(this);
    return true;
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.length = 0;
    this.#listeners.clear();
    this.#wire.detach(this);
  }

  /** Whether frames of this identifier pass the filters. */
  accepts(id: number): boolean {
    if (((id ^ this.#code) & this.#mask) === 0) return true;
    if (this.#moreFilters.length === 0) return false;
    return this.#moreFilters.some(({ code, mask }) => ((id ^ code) & mask) === 0);
  }

  /** A frame that is whole. */
  receive(frame: CanFrame, time: Micros): void {
    if (!this.accepts(frame.id)) return;
    this.#listeners.frame(frame, time);
  }

  /** Our frame has left: frees its mailbox. */
  complete(frame: CanFrame, time: Micros): void {
    const at = this.#queue.indexOf(frame);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    this.#listeners.sent(frame, time);
  }

  fail(error: BusError, time: Micros): void {
    this.#listeners.error(error, time);
  }

  /** After a change of the counters: tells a new state, and forgets in bus-off what was queued. */
  settle(time: Micros): void {
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    if (state === "bus-off") this.#queue.length = 0;
    this.#listeners.state(state, time);
  }
}
