import type { BusState, CanBus, CanFrame } from "./bus.js";
import type { FrameClass } from "./link/types.js";
import { classOf, isSecured } from "./secured/identifier.js";

export interface SchedulerListener {
  /** After `offer` answered false: this class has room for a PDU again. */
  room?(cls: FrameClass): void;
  /** Bus-off or close: the rest of a PDU that had not all left. */
  unsent?(cls: FrameClass, frames: readonly CanFrame[]): void;
}

/** Frames that a class may have waiting; a PDU is taken whole or not at all. */
const QUEUE_LIMIT = 4096;
/** Frames already sent are cut off the front of a queue only now and then. */
const COMPACT_AT = 256;

/** The order in which the controller is filled; on the wire, identifiers arbitrate in the same order. */
const ORDER = ["urgent", "normal", "handshake", "bulk"] as const satisfies readonly FrameClass[];

interface Queue {
  readonly class: FrameClass;
  frames: CanFrame[];
  /** How many frames each waiting PDU still has, the one in progress first. */
  pdus: number[];
  head: number;
  /** The frame now in the controller. */
  outstanding: CanFrame | undefined;
  refused: boolean;
}

function newQueue(cls: FrameClass): Queue {
  return { class: cls, frames: [], pdus: [], head: 0, outstanding: undefined, refused: false };
}

/**
 * Keeps at most one frame of each class in the controller, so that a PDU's segments leave in order and an
 * urgent one waits for one frame at most. Nothing taken is ever dropped without `unsent`.
 */
export class FrameScheduler {
  readonly #bus: CanBus;
  readonly #listener: SchedulerListener;
  readonly #byClass: Readonly<Record<FrameClass, Queue>>;
  /** In the order of ORDER. */
  readonly #queues: readonly Queue[];
  #stopped: boolean;

  constructor(bus: CanBus, listener: SchedulerListener = {}) {
    this.#bus = bus;
    this.#listener = listener;
    this.#stopped = bus.state === "bus-off";
    this.#byClass = {
      urgent: newQueue("urgent"),
      normal: newQueue("normal"),
      handshake: newQueue("handshake"),
      bulk: newQueue("bulk"),
    };
    this.#queues = ORDER.map((cls) => this.#byClass[cls]);
  }

  /** False: bus-off, or the queue of this class is full. Nothing was taken; offer it again after `room`. */
  offer(cls: FrameClass, frames: readonly CanFrame[]): boolean {
    const queue = this.#byClass[cls];
    const waiting = queue.frames.length - queue.head;
    if (this.#stopped || (waiting > 0 && waiting + frames.length > QUEUE_LIMIT)) {
      queue.refused = true;
      return false;
    }
    for (const frame of frames) queue.frames.push(frame);
    if (frames.length > 0) queue.pdus.push(frames.length);
    this.#fill();
    return true;
  }

  /** Frames waiting or in the controller, of one class or of all. */
  waiting(cls?: FrameClass): number {
    let sum = 0;
    for (const queue of this.#queues) {
      if (cls === undefined || queue.class === cls) sum += queue.frames.length - queue.head;
    }
    return sum;
  }

  /** For the bus listener: a frame of this controller has left. Frames that others put there are let pass. */
  sent(frame: CanFrame): void {
    if (isSecured(frame.id)) {
      const queue = this.#byClass[classOf(frame.id)];
      if (queue.outstanding?.id === frame.id) this.#advance(queue);
    }
    this.#fill();
    this.#tellRoom();
  }

  /** For the bus listener. Bus-off hands back everything; leaving it makes room. */
  state(state: BusState): void {
    if (state === "bus-off") {
      this.#stopped = true;
      this.#giveBack();
    } else if (this.#stopped) {
      this.#stopped = false;
      this.#tellRoom();
    }
  }

  /** Hands back what has not left; later offers are refused. */
  close(): void {
    this.#stopped = true;
    this.#giveBack();
  }

  #advance(queue: Queue): void {
    queue.outstanding = undefined;
    queue.head += 1;
    const left = (queue.pdus[0] ?? 1) - 1;
    if (left > 0) queue.pdus[0] = left;
    else queue.pdus.shift();
    if (queue.head === queue.frames.length) queue.frames.length = 0;
    else if (queue.head >= COMPACT_AT) queue.frames = queue.frames.slice(queue.head);
    else return;
    queue.head = 0;
  }

  #fill(): void {
    if (this.#stopped) return;
    for (const queue of this.#queues) {
      const next = queue.frames[queue.head];
      if (queue.outstanding !== undefined || next === undefined) continue;
      queue.outstanding = next; // before `send`: a bus may report it sent from within
      if (!this.#bus.send(next)) {
        queue.outstanding = undefined;
        return; // full for everyone: a lower class must not take the place that frees first
      }
    }
  }

  #tellRoom(): void {
    for (const queue of this.#queues) {
      const room = queue.frames.length - queue.head <= QUEUE_LIMIT / 2;
      if (!queue.refused || !room || this.#stopped) continue;
      queue.refused = false;
      this.#listener.room?.(queue.class);
    }
  }

  #giveBack(): void {
    for (const queue of this.#queues) {
      const { frames, pdus, head } = queue;
      queue.frames = [];
      queue.pdus = [];
      queue.head = 0;
      queue.outstanding = undefined;
      let at = head;
      for (const length of pdus) {
        this.#listener.unsent?.(queue.class, frames.slice(at, at + length));
        at += length;
      }
    }
  }
}
