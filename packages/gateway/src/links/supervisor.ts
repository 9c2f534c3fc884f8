import { type Cancel, type Clock, type Logger, type ModuleUid, millis } from "@wattseal/base";
import { type BusInfo, telemetryPeriod } from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import type { LinkManager } from "./manager.js";

export interface SupervisorOptions {
  readonly links: LinkManager;
  readonly info: BusInfo;
  readonly modules: readonly PairedModule[];
  /** Readings a second to ask for where the wire allows. */
  readonly hz: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const HOUR_MS = 3_600_000;

/** What the pack asks of its modules by itself: a telemetry rate that the wire carries, and their word every hour. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #periodMs: number;
  #timer: Cancel | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { info, modules, hz, logger } = options;
    if (modules.length === 0) {
      this.#periodMs = 0;
      return;
    }
    const fd = info.dataBitRate !== undefined;
    const { periodMs, load } = telemetryPeriod({ modules: modules.length, info, fd, hz });
    this.#periodMs = periodMs;
    logger.info("bus.plan", {
      modules: modules.length,
      periodMs,
      loadPercent: Math.round(load * 100),
    });
  }

  start(): void {
    const { clock } = this.#options;
    this.#timer = clock.at(millis(clock.now() + HOUR_MS), () => {
      void this.askStatements();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.();
  }

  /** A session is new: the module may have forgotten its rate. */
  async linked(module: PairedModule): Promise<void> {
    const { links, logger } = this.#options;
    const order = { kind: "telemetry-request", periodMs: this.#periodMs } as const;
    const { kind } = await links.order(module.uid, order);
    if (kind !== "acknowledged")
      logger.warn("link.rate-not-set", { module: module.uid, result: kind });
  }

  /** Asks every linked module for its counter statement; resolves when each has answered or will not. */
  async askStatements(): Promise<void> {
    const { links, logger } = this.#options;
    const asked = links.orderAll(() => ({ kind: "counter-statement-request" }));
    const unanswered: ModuleUid[] = [];
    for (const [uid, answer] of asked) {
      if ((await answer).kind !== "acknowledged") unanswered.push(uid);
    }
    if (unanswered.length > 0) logger.warn("link.no-statement", { modules: unanswered.join(" ") });
  }
}
