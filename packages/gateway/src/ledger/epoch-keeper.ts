import {
  type Cancel,
  type Clock,
  type Logger,
  type Millis,
  messageOf,
  millis,
  type TimeSource,
} from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import { GatewayError } from "../errors.js";
import { clockEntry } from "../time/clock-watch.js";
import type { Delivery } from "../uplink/delivery.js";
import { isAway, retryAfter } from "./away.js";
import type { EnergyLog } from "./energy-log.js";
import type { LogWriter } from "./log-writer.js";

export interface EpochKeeperOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly delivery: Pick<Delivery, "receipt" | "epochRenewed">;
  readonly timeSource: TimeSource;
  /** Time that only runs. */
  readonly steady: Clock;
  /** What the log dates by. */
  readonly clock: Clock;
  /** What this run has to enter before anything else, once entries can be. */
  readonly enterNew: () => Promise<void>;
  /** Closes every interval and the window, before the epoch that they were measured in ends. */
  readonly closeEarly: () => void;
  /** Nobody signs: told once until somebody does. */
  readonly onUnsigned: (reason: string) => void;
  readonly logger: Logger;
}

/** Nobody signs. */
export interface Unsigned {
  /** UTC ms as the log has it. */
  readonly since: Millis;
  readonly reason: string;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/**
 * Begins the run's first epoch, lets one give way to the next, and asks again where the signer is away. Meanwhile entries
 * go on under the epoch that the log has, and are signed by the next; where that has ended or expired, or where there is
 * none, what comes waits in the writer, and what does not fit there is a gap by the modules' counters. Enters what the
 * clock does, too: a clock that is set can take the log past its epoch, and then only the next one can say so.
 */
export class EpochKeeper {
  readonly #options: EpochKeeperOptions;
  #running: Promise<void> | undefined;
  #unsigned: Unsigned | undefined;
  #retry: Cancel | undefined;
  #failures = 0;
  #stopped = false;
  /** What this run has to enter first is still to be entered. */
  #isNew = true;
  /** Of UTC, ms, since the last ops.clock. */
  #unsaidStep = 0;

  constructor(options: EpochKeeperOptions) {
    this.#options = options;
  }

  /** Resolves when the next epoch has begun, or could not be; undefined where none is about to. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  get unsigned(): Unsigned | undefined {
    return this.#unsigned;
  }

  /** The run's first epoch, or the first try at it. Throws what is for people to look at: nothing was entered then. */
  start(): Promise<void> {
    return this.#try();
  }

  /** Asks no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.();
    await this.#running;
  }

  /** The signer is away: whoever signed last says why. */
  lost(error: Error): void {
    this.#away(error);
  }

  /** UTC was stepped, or its source's standing has changed. */
  clockChanged({ sync, source, step }: EntryBody<"ops.clock">): void {
    const { log, writer, logger } = this.#options;
    logger.warn("clock.changed", { sync, source, step });
    this.#unsaidStep += step;
    if (log.epochExpired) this.whenDue();
    else if (writer.record({ type: "ops.clock", body: this.#clockEntry() })) this.#unsaidStep = 0;
  }

  /** Begins the next epoch where the present one is about to end, or has. */
  whenDue(): void {
    const { log, writer } = this.#options;
    if (!log.epochDue || log.stopped !== undefined) return;
    if (this.#unsigned === undefined) this.#renew();
    else if (!log.accepting) writer.hold(noEpoch);
  }

  #renew(): void {
    const { log, closeEarly, logger } = this.#options;
    if (this.#running !== undefined || this.#stopped) return;
    if (log.signing && !log.epochExpired) closeEarly();
    this.#running = this.#try()
      .catch((error: unknown) => {
        logger.error("epoch.renewal-failed", { error: messageOf(error) });
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #try(): Promise<void> {
    const { log, writer } = this.#options;
    if (!writer.waiting) writer.hold();
    try {
      await writer.settled();
      const began = await this.#begin();
      if (log.accepting) await this.#enterFirst(began);
    } finally {
      if (log.accepting || log.stopped !== undefined) writer.release();
      else writer.hold(noEpoch);
    }
  }

  /** Whether the next epoch began. */
  async #begin(): Promise<boolean> {
    const { log, delivery, logger } = this.#options;
    try {
      if (log.signing) await log.renewEpoch(delivery.receipt);
      else await log.beginEpoch(delivery.receipt);
    } catch (error) {
      if (!isAway(error) || log.stopped !== undefined) throw error;
      this.#away(error);
      return false;
    }
    const epoch = log.fold.epoch?.epoch;
    if (this.#unsigned !== undefined) logger.info("signer.back", { epoch, ...this.#unsigned });
    else if (!this.#isNew) logger.info("epoch.renewed", { epoch });
    this.#unsigned = undefined;
    this.#failures = 0;
    this.#retry?.();
    delivery.epochRenewed();
    return true;
  }

  /** The clock's standing comes first: an epoch begins with an unsynchronised one, and an old one's may be past. */
  async #enterFirst(began: boolean): Promise<void> {
    const { log, enterNew } = this.#options;
    if (!began && !this.#isNew) return;
    const clock = this.#clockEntry();
    this.#unsaidStep = 0;
    await log.append({ type: "ops.clock", body: clock });
    if (!this.#isNew) return;
    await enterNew();
    this.#isNew = false;
  }

  #away(error: Error): void {
    const { steady, clock, logger, onUnsigned } = this.#options;
    const reason = messageOf(error);
    const backOff = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
    const retryMs = Math.max(FIRST_RETRY_MS, retryAfter(error) ?? backOff);
    this.#failures += 1;
    if (this.#unsigned === undefined) {
      this.#unsigned = { since: clock.now(), reason };
      logger.error("signer.away", { reason, retryMs });
      onUnsigned(reason);
    } else this.#unsigned = { ...this.#unsigned, reason };
    this.#retry?.();
    if (this.#stopped) return;
    this.#retry = steady.at(millis(steady.now() + retryMs), () => this.#renew());
  }

  #clockEntry(): EntryBody<"ops.clock"> {
    return clockEntry(this.#options.timeSource, this.#unsaidStep);
  }
}

function noEpoch(): GatewayError {
  return new GatewayError(
    "busy",
    "usage",
    "The log waits for its signer to begin an epoch, and takes nothing before that. The gateway's status says why; ask again when it signs.",
  );
}
