import { bytesEqual, type Micros } from "@wattseal/base";
import type {
  BusError,
  BusInfo,
  BusListener,
  BusState,
  CanBus,
  CanFrame,
} from "@wattseal/can-protocol";
import { BusListeners } from "../bus/listeners.js";
import { checkFrame } from "../bus/node.js";
import { SimError } from "../errors.js";

/** A node of the virtual bus, seen from another process. */
export class ClientBus implements CanBus {
  readonly info: BusInfo;
  readonly #mailboxes: number;
  readonly #transmit: (frame: CanFrame) => void;
  readonly #leave: () => void;
  readonly #listeners = new BusListeners();
  #outstanding: CanFrame[] = [];
  /** Queued when bus-off came. The server may have taken them afterwards, and then says that they were sent. */
  #forgotten: readonly CanFrame[] = [];
  #state: BusState = "active";
  #closed = false;

  constructor(
    info: BusInfo,
    mailboxes: number,
    transmit: (frame: CanFrame) => void,
    leave: () => void,
  ) {
    this.info = info;
    this.#mailboxes = mailboxes;
    this.#transmit = transmit;
    this.#leave = leave;
  }

  get state(): BusState {
    return this.#closed ? "bus-off" : this.#state;
  }

  send(frame: CanFrame): boolean {
    if (this.#closed) throw new SimError("bus-closed", "usage", "the bus connection is closed");
    checkFrame(frame, this.info);
    if (this.#state === "bus-off" || this.#outstanding.length >= this.#mailboxes) return false;
    this.#outstanding.push(frame);
    this.#transmit(frame);
    return true;
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    if (!this.#closed) this.#leave();
  }

  /** The connection is gone: what was queued is forgotten, as at bus-off. */
  lost(time: Micros): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#outstanding.length = 0;
    this.#listeners.state("bus-off", time);
  }

  fail(error: BusError, time: Micros): void {
    this.#listeners.error(error, time);
  }

  enter(state: BusState, time: Micros): void {
    this.#state = state;
    if (state === "bus-off") {
      this.#forgotten = this.#outstanding;
      this.#outstanding = [];
    }
    this.#listeners.state(state, time);
  }

  receive(frame: CanFrame, time: Micros): void {
    this.#listeners.frame(frame, time);
  }

  /** The server's echo of a frame of ours; false when it is of none. */
  complete(echo: CanFrame, time: Micros): boolean {
    const at = this.#outstanding.findIndex((frame) => same(frame, echo));
    const [frame] = at === -1 ? [] : this.#outstanding.splice(at, 1);
    if (frame === undefined) return this.#forgotten.some((other) => same(other, echo));
    this.#listeners.sent(frame, time);
    return true;
  }
}

function same(a: CanFrame, b: CanFrame): boolean {
  return a.id === b.id && a.fd === b.fd && bytesEqual(a.data, b.data);
}
