import type { BusState, CanBus, CanFrame } from "./bus.js";
import type { FrameClass, Queueing, Withdrawn } from "./link/types.js";
import { classOf, isSecured, slotOf } from "./secured/identifier.js";

export interface SchedulerListener {
  /** After `offer` answered false: this class has room for a PDU again. */
  room?(cls: FrameClass): void;
  /** Bus-off or close: the rest of a PDU that had not all left. */
  unsent?(cls: FrameClass, frames: readonly CanFrame[]): void;
}

/** Frames that a class may have waiting; a PDU is taken whole or not at all. */
const QUEUE_LIMIT = 4096;
/** And with those that have a reserved place. */
const RESERVED_LIMIT = 2 * QUEUE_LIMIT;
/** PDUs already sent are cut off the front of a queue only now and then. */
const COMPACT_AT = 256;

/** The order in which the controller is filled; on the wire, identifiers arbitrate in the same order. */
const ORDER = ["urgent", "normal", "handshake", "bulk"] as const satisfies readonly FrameClass[];

interface WaitingPdu {
  readonly frames: readonly CanFrame[];
  /** Undefined for frames of no secured link. */
  readonly slot: number | undefined;
  readonly latest: boolean;
  /** How many of its frames have left. */
  left: number;
}

interface Queue {
  readonly class: FrameClass;
  pdus: WaitingPdu[];
  /** The PDU in progress, or next. */
  head: number;
  /** Frames in all that have not left. */
  waiting: number;
  /** The frame now in the controller. */
  outstanding: CanFrame | undefined;
  refused: boolean;
}

function newQueue(cls: FrameClass): Queue {
  return { class: cls, pdus: [], head: 0, waiting: 0, outstanding: undefined, refused: false };
}

/**
 * Keeps at most one frame of each class in the controller, so that a PDU's segments leave in order and an
 * urgent one waits for one frame at most. Nothing taken is dropped without `unsent`, but for what its sender has
 * replaced or withdrawn; of a PDU that has begun to leave, all leaves.
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

  /**
   * The frames of one PDU. False: bus-off, or the queue of this class is full. Nothing was taken; offer it again
   * after `room`. A handshake message is always `latest`.
   */
  offer(cls: FrameClass, frames: readonly CanFrame[], queueing?: Queueing): boolean {
    const queue = this.#byClass[cls];
    const [first] = frames;
    if (first === undefined) return true;
    const slot = isSecured(first.id) ? slotOf(first.id) : undefined;
    const latest = cls === "handshake" || queueing === "latest";
    if (latest && slot !== undefined) drop(queue, (pdu) => pdu.latest && pdu.slot === slot);
    const limit = queueing === "reserved" ? RESERVED_LIMIT : QUEUE_LIMIT;
    if (this.#stopped || (queue.waiting > 0 && queue.waiting + frames.length > limit)) {
      queue.refused = true;
      return false;
    }
    queue.pdus.push({ frames, slot, latest, left: 0 });
    queue.waiting += frames.length;
    this.#fill();
    return true;
  }

  /** What waits of `slot` and has not begun to leave will not leave any more. */
  withdraw(slot: number, what: Withdrawn): void {
    for (const queue of this.#queues) {
      if ((queue.class === "handshake") === (what === "handshake")) {
        drop(queue, (pdu) => pdu.slot === slot);
      }
    }
    this.#tellRoom();
  }

  /** Frames waiting or in the controller, of one class or of all. */
  waiting(cls?: FrameClass): number {
    let sum = 0;
    for (const queue of this.#queues) {
      if (cls === undefined || queue.class === cls) sum += queue.waiting;
    }
    return sum;
  }

  /** For the bus listener: a frame of this controller has left. Frames that others put there are let pass. */
  sent(frame: CanFrame): void {
    if (isSecured(frame.id)) {
      const queue = this.#byClass[classOf(frame.id)];
      if (queue.outstanding?.id === frame.id) advance(queue);
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

  #fill(): void {
    if (this.#stopped) return;
    for (const queue of this.#queues) {
      const pdu = queue.pdus[queue.head];
      const next = pdu?.frames[pdu.left];
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
      if (!queue.refused || queue.waiting > QUEUE_LIMIT / 2 || this.#stopped) continue;
      queue.refused = false;
      this.#listener.room?.(queue.class);
    }
  }

  #giveBack(): void {
    for (const queue of this.#queues) {
      const given = queue.pdus.slice(queue.head);
      queue.pdus = [];
      queue.head = 0;
      queue.waiting = 0;
      queue.outstanding = undefined;
      for (const { frames, left } of given) {
        this.#listener.unsent?.(queue.class, left === 0 ? frames : frames.slice(left));
      }
    }
  }
}

function advance(queue: Queue): void {
  const pdu = queue.pdus[queue.head];
  if (pdu === undefined) return;
  queue.outstanding = undefined;
  queue.waiting -= 1;
  pdu.left += 1;
  if (pdu.left < pdu.frames.length) return;
  queue.head += 1;
  if (queue.head === queue.pdus.length) queue.pdus.length = 0;
  else if (queue.head >= COMPACT_AT) queue.pdus = queue.pdus.slice(queue.head);
  else return;
  queue.head = 0;
}

/** Of those that have not begun to leave. */
function drop(queue: Queue, isDropped: (pdu: WaitingPdu) => boolean): void {
  const begun = queue.outstanding !== undefined || (queue.pdus[queue.head]?.left ?? 0) > 0;
  const from = queue.head + (begun ? 1 : 0);
  const kept = queue.pdus.filter((pdu, at) => at >= queue.head && (at < from || !isDropped(pdu)));
  if (kept.length === queue.pdus.length - queue.head) return;
  queue.pdus = kept;
  queue.head = 0;
  queue.waiting = kept.reduce((sum, { frames, left }) => sum + frames.length - left, 0);
}
