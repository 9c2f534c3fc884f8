import { type Cancel, type Clock, type Micros, micros, millis } from "@wattseal/base";
import {
  type BusInfo,
  type BusListener,
  type BusState,
  busFrameOf,
  type CanBus,
  type CanFrame,
  encodeSlcanFrame,
  frameNanos,
  SLCAN_STATUS,
  type SlcanReply,
} from "@wattseal/can-protocol";
import { BusListeners } from "../bus/listeners.js";
import { SimError } from "../errors.js";
import { type Answer, SlcanDialogue } from "./dialogue.js";
import { openChannel } from "./open-channel.js";
import type { BytePort } from "./port.js";

export interface SlcanOptions {
  readonly port: BytePort;
  /** Of the machine: an adapter's frames are given its time as they come. */
  readonly clock: Clock;
  readonly info: BusInfo;
}

const STATUS_EVERY_MS = 500;
/** An adapter takes a frame into its queue in a few milliseconds, or refuses it. */
const ANSWER_MS = 1000;
const RETRY_MS = 10;
const LOST_FRAMES = SLCAN_STATUS.receiveFull | SLCAN_STATUS.overrun;

/**
 * A bus behind a serial adapter that speaks SLCAN. Settles when its channel is open.
 *
 * One frame is with the adapter at a time, and `sent` when the adapter has acknowledged it: taken into its queue, which
 * leaves in this order. An adapter that acknowledges no frame is given one as often as the wire could carry it.
 *
 * Trust: the adapter is the bus.
 *
 * Throws SimError `slcan-adapter` when the adapter refuses the bit rate or to open, or the port ends;
 * `configuration` for bit rates that SLCAN has no number for.
 */
export async function openSlcan(options: SlcanOptions): Promise<SlcanBus> {
  const bus = new SlcanBus(options);
  try {
    await bus.open();
  } catch (error) {
    bus.close();
    throw error;
  }
  return bus;
}

export class SlcanBus implements CanBus {
  readonly info: BusInfo;
  /** Settles with the reason when the bus is over, whoever ended it; never rejects. */
  readonly done: Promise<string>;
  readonly #port: BytePort;
  readonly #clock: Clock;
  readonly #dialogue: SlcanDialogue;
  readonly #listeners = new BusListeners();
  #settle: (reason: string) => void = () => {};
  #state: BusState = "active";
  #pending: CanFrame | undefined;
  /** Until it has acknowledged a frame it may be one that never does. */
  #acknowledges: boolean | undefined;
  #tellsStatus = false;
  #statusDue = false;
  /** Nothing is written before this timer. */
  #pause: Cancel | undefined;
  #poll: Cancel = () => {};
  #over = false;

  constructor({ port, clock, info }: SlcanOptions) {
    this.info = info;
    this.#port = port;
    this.#clock = clock;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#dialogue = new SlcanDialogue(
      port,
      clock,
      (reply) => this.#hear(reply),
      (reason) => this.#end(reason),
    );
  }

  /** Of the controller, twice a second; without F in the adapter, always active. SLCAN has no word for bus-off. */
  get state(): BusState {
    return this.#state;
  }

  /** False: the adapter acknowledges nothing, and what it could not send is not known. */
  get acknowledges(): boolean {
    return this.#acknowledges !== false;
  }

  /** Once, by `openSlcan`. */
  async open(): Promise<void> {
    const ended = this.done.then((reason) => {
      throw new SimError("slcan-adapter", "hardware", `the adapter is gone: ${reason}`);
    });
    const ask = (command: string, withinMs: number) =>
      new Promise<Answer>((resolve) => {
        this.#dialogue.ask(command, withinMs, resolve);
      });
    const found = await Promise.race([openChannel(this.info, ask), ended]);
    if (!found.answers) this.#acknowledges = false;
    this.#tellsStatus = found.flags !== undefined;
    this.#enter(found.flags ?? 0);
    if (this.#tellsStatus) this.#armPoll();
  }

  send(frame: CanFrame): boolean {
    if (frame.fd && this.info.dataBitRate === undefined) {
      throw new SimError("fd-on-classic-bus", "usage", "this adapter's bus is classic CAN");
    }
    if (this.#over || this.#pending !== undefined) return false;
    this.#pending = frame;
    this.#pump();
    return true;
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    if (this.#over) return;
    this.#listeners.clear();
    this.#dialogue.tell("C");
    this.#end("closed here");
  }

  #pump(): void {
    if (this.#over || this.#dialogue.busy || this.#pause !== undefined) return;
    if (this.#statusDue) {
      this.#statusDue = false;
      this.#dialogue.ask("F", ANSWER_MS, (answer) => this.#takeStatus(answer));
    } else if (this.#pending !== undefined) this.#write(this.#pending);
  }

  #write(frame: CanFrame): void {
    const line = encodeSlcanFrame(frame);
    if (this.#acknowledges === false) {
      const nanos = frameNanos(frame, this.info);
      this.#dialogue.tell(line);
      this.#pauseFor(1 + Math.ceil(nanos / 1_000_000), () => this.#sent(frame));
    } else this.#dialogue.ask(line, ANSWER_MS, (answer) => this.#takeAnswer(frame, answer));
  }

  #takeAnswer(frame: CanFrame, answer: Answer): void {
    if (answer === undefined && this.#acknowledges === true) {
      this.#end("the adapter no longer answers");
      return;
    }
    if (answer === "refused") {
      // Its queue is full: nobody acknowledges on the wire, or it is bus-off. It may take it later.
      this.#listeners.error({ kind: "other", transmitting: true }, this.#now());
      this.#statusDue = this.#tellsStatus;
      this.#pauseFor(RETRY_MS, () => {});
      return;
    }
    this.#acknowledges = answer !== undefined;
    this.#sent(frame);
  }

  #sent(frame: CanFrame): void {
    this.#pending = undefined;
    this.#listeners.sent(frame, this.#now());
    this.#pump();
  }

  #takeStatus(answer: Answer): void {
    if (answer === undefined) {
      this.#end("the adapter no longer answers");
      return;
    }
    if (typeof answer === "object") this.#enter(answer.flags);
    this.#pump();
  }

  #enter(flags: number): void {
    if ((flags & (SLCAN_STATUS.busError | LOST_FRAMES)) !== 0) {
      this.#listeners.error({ kind: "other", transmitting: false }, this.#now());
    }
    const state = stateOf(flags);
    if (state === this.#state) return;
    this.#state = state;
    this.#listeners.state(state, this.#now());
  }

  #hear(reply: SlcanReply): void {
    if (this.#over) return;
    if (reply.kind === "malformed") {
      this.#listeners.error({ kind: "other", transmitting: false }, this.#now());
    }
    const frame = reply.kind === "frame" ? busFrameOf(reply.frame) : undefined;
    if (frame !== undefined) this.#listeners.frame(frame, this.#now());
  }

  #armPoll(): void {
    this.#poll = this.#clock.at(millis(this.#clock.now() + STATUS_EVERY_MS), () => {
      this.#statusDue = true;
      this.#pump();
      if (!this.#over) this.#armPoll();
    });
  }

  #pauseFor(milliseconds: number, then: () => void): void {
    this.#pause = this.#clock.at(millis(this.#clock.now() + milliseconds), () => {
      this.#pause = undefined;
      then();
      this.#pump();
    });
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#pause?.();
    this.#poll();
    this.#dialogue.stop();
    this.#port.close();
    this.#settle(reason);
  }

  #now(): Micros {
    return micros(this.#clock.now() * 1000);
  }
}

function stateOf(flags: number): BusState {
  if ((flags & SLCAN_STATUS.passive) !== 0) return "passive";
  return (flags & SLCAN_STATUS.warning) === 0 ? "active" : "warning";
}
