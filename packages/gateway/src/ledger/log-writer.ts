import { type Clock, type Logger, type Millis, messageOf, millis } from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import type { EnergyLog } from "./energy-log.js";
import type { Draft } from "./energy-log-options.js";

export interface LogWriterOptions {
  readonly log: EnergyLog;
  /** What the log dates by. */
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Inputs that wait while an epoch gives way to the next: some seconds of a full pack. */
const HELD_LIMIT = 4096;

interface Held {
  readonly take: () => void;
  /** Tells whoever waits for an answer that there will be none. */
  readonly turnAway?: (reason: Error) => void;
}

/** Hands the log what the pack has to enter, one after the other, and counts what was refused. */
export class LogWriter {
  readonly #options: LogWriterOptions;
  #writing: Promise<unknown> = Promise.resolve();
  #refused = 0;
  /** Inputs that were let go while others waited, and when. */
  #overflowed:
    | { readonly inputs: number; readonly from: Millis; readonly until: Millis }
    | undefined;
  #unwritten = 0;
  /** While an epoch gives way to the next, what comes in waits here in its order. */
  #held: Held[] | undefined;
  /** Why those who wait for an answer are turned away meanwhile: it may take long. */
  #refusal: (() => Error) | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** Entries that the ledger's rules refused; each one was logged. */
  get refused(): number {
    return this.#refused;
  }

  /** Appends that the disk has not confirmed, and inputs that wait for an epoch. */
  get unwritten(): number {
    return this.#unwritten + (this.#held?.length ?? 0);
  }

  /** Everything recorded so far is durable, or the log has stopped. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Hands one entry to the log; false when it was refused, which is counted and logged, never silent. */
  record(draft: Draft): boolean {
    const { log, logger } = this.#options;
    if (log.stopped !== undefined) {
      this.#refused += 1;
      return false;
    }
    const { size } = log.fold;
    const written = log.append(draft).catch((error: unknown) => {
      this.#refused += 1;
      logger.error("ledger.refused", { type: draft.type, error: messageOf(error) });
    });
    this.#await(written);
    return log.fold.size > size;
  }

  /**
   * Hands the log one entry that somebody waits for: resolves with its index when the disk has it, rejects with what
   * refused it.
   */
  enter(draft: Draft): Promise<number> {
    const written = this.#options.log.append(draft);
    this.#await(written.catch(() => {}));
    return written;
  }

  /** Enters what was lost; what says when may be a file's name, of a time that the log has yet to reach. */
  lost(body: EntryBody<"ops.loss">): void {
    const now = this.#options.clock.now();
    const [from, until] = [millis(Math.min(body.from, now)), millis(Math.min(body.until, now))];
    this.record({ type: "ops.loss", body: { ...body, from, until } });
  }

  /** Runs `input` now, or after `release`. While held, what would not fit is let go: false. */
  inTurn(input: () => void): boolean {
    return this.#take({ take: input });
  }

  #take(input: Held): boolean {
    if (this.#held === undefined) input.take();
    else if (this.#held.length < HELD_LIMIT) this.#held.push(input);
    else {
      const now = this.#options.clock.now();
      const { inputs, from } = this.#overflowed ?? { inputs: 0, from: now };
      this.#overflowed = { inputs: inputs + 1, from, until: now };
      return false;
    }
    return true;
  }

  /**
   * The same for somebody who waits for what `input` gives; rejects with `full()` where it was let go, and with the hold's
   * refusal where it has one, or gets one before the release.
   */
  turn<T>(input: () => Promise<T>, full: () => Error): Promise<T> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      const take = () => void input().then(resolve, reject);
      if (!this.#take({ take, turnAway: reject })) reject(full());
    });
  }

  /**
   * EnergyLog.snapshot, in its turn: the tree that an epoch is about to begin at must not grow. Resolves when it is done,
   * or at once where its turn has yet to come.
   */
  snapshot(after: number): Promise<void> {
    const take = () => {
      const taken = this.#options.log.snapshot(after);
      this.#await(taken);
      return taken;
    };
    if (this.#held === undefined) return take();
    this.inTurn(() => void take());
    return Promise.resolve();
  }

  /**
   * Takes no input until `release`; what comes in meanwhile is taken then, in its order, as far as there is room.
   * `refusal`: for somebody who waits for an answer, or has begun to, where that may take long.
   */
  hold(refusal?: () => Error): void {
    this.#held ??= [];
    this.#refusal = refusal;
    if (refusal === undefined) return;
    for (const { turnAway } of this.#held) turnAway?.(refusal());
    this.#held = this.#held.filter(({ turnAway }) => turnAway === undefined);
  }

  /** Input waits for an epoch of which nobody knows when it begins. */
  get waiting(): boolean {
    return this.#refusal !== undefined;
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#refusal = undefined;
    for (const { take } of held) take();
    if (this.#overflowed === undefined) return;
    const { inputs, from, until } = this.#overflowed;
    this.#overflowed = undefined;
    this.#options.logger.error("recorder.overflowed", { inputs });
    const detail = `${inputs} readings, alarms and statements; what passed is in gaps`;
    this.lost({ what: "inputs", from, until, reason: "no-epoch", detail });
  }

  #await(written: Promise<unknown>): void {
    this.#unwritten += 1;
    // Nothing of what was awaited is kept: the chain must not grow with the log.
    this.#writing = Promise.all([this.#writing, written]).then(() => {
      this.#unwritten -= 1;
    });
  }
}
