import type { Micros } from "@wattseal/base";
import {
  type BusInfo,
  type BusListener,
  type BusState,
  type CanBus,
  type CanFrame,
  meaningOf,
  type TraceRecord,
} from "@wattseal/can-protocol";
import { BusListeners } from "../bus/listeners.js";
import type { TimeReader } from "../time/kernel.js";
import { carried, type ReplayCounts, ReplayTally } from "./carried.js";
import { type PlayerOptions, TracePlayer } from "./player.js";

export interface ReplayBusOptions extends PlayerOptions {
  /** What the recorded bus was like; of a classic one, FD frames are left out. */
  readonly info: BusInfo;
}

/**
 * A recorded bus: its frames, errors and states arrive at their own pace. What CanBus has no words for is left
 * out, and counted by reason. Listeners set up before the next turn of the event loop miss nothing.
 *
 * Read-only: `send` takes nothing, since what was recorded cannot answer; `refusal` says so.
 */
export class ReplayBus implements CanBus, TimeReader {
  readonly info: BusInfo;
  readonly refusal = "this bus is a recording: it takes no frames";
  readonly #player: TracePlayer;
  readonly #tally = new ReplayTally();
  readonly #listeners = new BusListeners();
  #state: BusState = "active";
  #refused = 0;

  constructor(options: ReplayBusOptions) {
    this.info = options.info;
    this.#player = new TracePlayer(options, (record, time) => this.#play(record, time));
  }

  get state(): BusState {
    return this.#state;
  }
  get counts(): ReplayCounts {
    return this.#tally;
  }
  /** How many frames `send` did not take. */
  get refused(): number {
    return this.#refused;
  }
  /** Settles after the last record or `close()`; rejects with what reading threw. */
  get finished(): Promise<void> {
    return this.#player.finished;
  }

  ready(): Promise<void> | undefined {
    return this.#player.ready();
  }

  send(_frame: CanFrame): boolean {
    this.#refused += 1;
    return false;
  }

  listen(listener: BusListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.#player.stop();
  }

  #play(record: TraceRecord, time: Micros): boolean {
    const frame = carried(record, this.info);
    if (record.kind === "error") this.#report(record, time);
    else if (typeof frame === "string") this.#tally.leave(frame);
    else {
      this.#tally.played += 1;
      this.#listeners.frame(frame, time);
    }
    return true;
  }

  #report(record: TraceRecord & { readonly kind: "error" }, time: Micros): void {
    const { error, state } = meaningOf(record);
    if (error === undefined && state === undefined) {
      this.#tally.leave("error frame");
      return;
    }
    this.#tally.played += 1;
    if (state !== undefined) this.#state = state;
    if (error !== undefined) this.#listeners.error(error, time);
    if (state !== undefined) this.#listeners.state(state, time);
  }
}
