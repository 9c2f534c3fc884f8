import { type Logger, messageOf, type TimeSource } from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import { clockEntry } from "../time/clock-watch.js";
import type { Delivery } from "../uplink/delivery.js";
import type { EnergyLog } from "./energy-log.js";
import type { LogWriter } from "./log-writer.js";

export interface EpochRenewalOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly delivery: Delivery;
  readonly timeSource: TimeSource;
  /** Closes every interval and the window, before the epoch that they were measured in ends. */
  readonly closeEarly: () => void;
  readonly logger: Logger;
}

/**
 * Lets an epoch give way to the next, and enters what the clock does: a clock that is set can take the log past its
 * epoch, and then only the next one can say so. What others enter meanwhile waits in the writer.
 */
export class EpochRenewal {
  readonly #options: EpochRenewalOptions;
  #running: Promise<void> | undefined;
  /** Of UTC, ms, since the last ops.clock. */
  #unsaidStep = 0;

  constructor(options: EpochRenewalOptions) {
    this.#options = options;
  }

  /** Resolves when the next epoch has begun, or could not be; undefined where none is about to. */
  get running(): Promise<void> | undefined {
    return this.#running;
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
    const { log } = this.#options;
    if (!log.epochDue || log.stopped !== undefined) return;
    this.#running ??= this.#renew().finally(() => {
      this.#running = undefined;
    });
  }

  async #renew(): Promise<void> {
    const { log, writer, delivery, closeEarly, logger } = this.#options;
    if (!log.epochExpired) closeEarly();
    writer.hold();
    try {
      await writer.settled();
      await log.renewEpoch(delivery.receipt);
      const clock = this.#clockEntry();
      this.#unsaidStep = 0;
      await log.append({ type: "ops.clock", body: clock });
      logger.info("epoch.renewed", { epoch: log.fold.epoch?.epoch });
      delivery.epochRenewed();
    } catch (error) {
      logger.error("epoch.renewal-failed", { error: messageOf(error) });
    }
    writer.release();
  }

  #clockEntry(): EntryBody<"ops.clock"> {
    return clockEntry(this.#options.timeSource, this.#unsaidStep);
  }
}
