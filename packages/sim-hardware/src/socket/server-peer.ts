import type { Socket } from "node:net";
import { type Cancel, type Micros, messageOf } from "@wattseal/base";
import type { BusError, BusListener, BusState, CanFrame } from "@wattseal/can-protocol";
import type { VirtualBus, VirtualNode } from "../bus/virtual-bus.js";
import type { SimKernel, TimeReader } from "../time/kernel.js";
import type { ErrorRecord, StateRecord } from "./error-record.js";
import type { Holder } from "./hold-watch.js";
import { Outbox } from "./outbox.js";
import {
  type AcknowledgeRecord,
  type BusRecord,
  type FrameRecord,
  RecordStream,
} from "./record.js";

/** How long a frame may wait before its client hears of it: the reaction time of a host, in simulated µs. */
export const DEFAULT_QUANTUM_MICROS = 2000;
/** Time is granted at least this often, so that a client's clock follows. */
const LONGEST_GRANT_MICROS = 100_000;
const CLIENT_MAILBOXES = 8;

export interface PeerOptions {
  readonly kernel: SimKernel;
  readonly bus: VirtualBus;
  readonly socket: Socket;
  readonly name: string;
  readonly quantumMicros: number;
  readonly gone: (reason: string) => void;
}

/**
 * The server's side of one client, in lockstep: frames up to T, then the grant of T, at which time waits until
 * the client has acknowledged T together with its next deadline. The next grant falls on that deadline, a
 * quantum after the next frame, or 100 ms later, whichever is first.
 */
export class ServerPeer implements BusListener, TimeReader, Holder {
  readonly name: string;
  readonly #kernel: SimKernel;
  readonly #socket: Socket;
  readonly #quantum: number;
  readonly #outbox: Outbox;
  readonly #node: VirtualNode;
  readonly #stream = new RecordStream();
  readonly #leave: Cancel;
  readonly #gone: (reason: string) => void;
  #granted: Micros;
  #deadline = Number.POSITIVE_INFINITY;
  #firstUnseen = Number.POSITIVE_INFINITY;
  #nextGrant = Number.POSITIVE_INFINITY;
  #cancelGrant: Cancel | undefined;
  #waiting: { readonly settled: Promise<void>; readonly settle: () => void } | undefined;
  #closed = false;

  constructor(options: PeerOptions) {
    this.name = options.name;
    this.#kernel = options.kernel;
    this.#socket = options.socket;
    this.#quantum = options.quantumMicros;
    this.#gone = options.gone;
    this.#outbox = new Outbox(options.socket);
    this.#granted = this.#kernel.nowMicros();
    this.#node = options.bus.attach({ name: options.name, mailboxes: CLIENT_MAILBOXES });
    this.#node.listen(this);
    this.#leave = this.#kernel.addReader(this);
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", () => this.close("connection lost"));
    this.#socket.on("close", () => this.close("connection closed"));
    this.#outbox.put({
      kind: "info",
      bus: options.bus.info,
      mailboxes: CLIENT_MAILBOXES,
      time: this.#granted,
    });
    this.#grant();
  }

  get outstanding(): object | undefined {
    return this.#waiting;
  }

  ready(): Promise<void> | undefined {
    return this.#waiting?.settled;
  }

  frame(frame: CanFrame, time: Micros): void {
    this.#deliver({ kind: "frame", frame, sent: false, time });
  }

  sent(frame: CanFrame, time: Micros): void {
    this.#deliver({ kind: "frame", frame, sent: true, time });
  }

  error(error: BusError, time: Micros): void {
    this.#deliver({ kind: "error", error, time });
  }

  state(state: BusState, time: Micros): void {
    const { transmitErrors, receiveErrors } = this.#node;
    this.#deliver({ kind: "state", state, transmitErrors, receiveErrors, time });
  }

  /** Idempotent. The client reads `reason` in its last record. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelGrant?.();
    this.#outbox.put({ kind: "closing", reason, time: this.#kernel.nowMicros() });
    this.#outbox.flush();
    this.#socket.destroySoon();
    this.#node.close();
    this.#leave();
    this.#waiting?.settle();
    this.#gone(reason);
  }

  #deliver(record: FrameRecord | ErrorRecord | StateRecord): void {
    const { time } = record;
    this.#outbox.put(record);
    if (time < this.#firstUnseen) this.#firstUnseen = time;
    if (this.#waiting === undefined) this.#scheduleGrant();
  }

  #scheduleGrant(): void {
    const due = Math.min(
      this.#deadline,
      this.#firstUnseen + this.#quantum,
      this.#granted + LONGEST_GRANT_MICROS,
    );
    // A deadline that has passed is served, but never without time moving on.
    const at = Math.max(due, this.#granted + 1, this.#kernel.nowMicros());
    if (this.#cancelGrant !== undefined && at >= this.#nextGrant) return;
    this.#cancelGrant?.();
    this.#nextGrant = at;
    this.#cancelGrant = this.#kernel.atMicros(at, () => this.#grant());
  }

  #grant(): void {
    this.#cancelGrant = undefined;
    this.#granted = this.#kernel.nowMicros();
    this.#firstUnseen = Number.POSITIVE_INFINITY;
    let settle = () => {};
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#waiting = { settled, settle };
    this.#outbox.put({ kind: "grant", time: this.#granted });
    this.#outbox.flush();
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#stream.push(chunk, (record) => this.#handle(record));
    } catch (error) {
      this.close(messageOf(error));
    }
  }

  #handle(record: BusRecord): void {
    if (this.#closed) return;
    if (record.kind === "acknowledge") this.#acknowledged(record);
    else if (record.kind === "frame" && !record.sent) this.#send(record.frame);
    else this.close(`a client does not send ${record.kind} records`);
  }

  /** In bus-off frames are forgotten, as the client will know from the state. */
  #send(frame: CanFrame): void {
    if (this.#node.send(frame) || this.#node.state === "bus-off") return;
    this.close("more frames than mailboxes");
  }

  /** Also taken when no grant is outstanding: the client has scheduled something earlier meanwhile. */
  #acknowledged(record: AcknowledgeRecord): void {
    if (record.time > this.#granted) {
      this.close("acknowledges a time that was not granted");
      return;
    }
    // Crossed with a newer grant, whose own acknowledgement follows.
    if (record.time < this.#granted) return;
    this.#deadline =
      record.deadline === undefined ? Number.POSITIVE_INFINITY : record.deadline * 1000;
    this.#waiting?.settle();
    this.#waiting = undefined;
    this.#scheduleGrant();
  }
}
