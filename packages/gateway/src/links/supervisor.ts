import {
  type Cancel,
  type Clock,
  type Logger,
  type ModuleUid,
  millis,
  type TimeSource,
} from "@wattseal/base";
import {
  type BusInfo,
  MODULE_STATE,
  type OrderResult,
  type PackOrder,
  telemetryPeriod,
} from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import type { LinkManager } from "./manager.js";

export interface SupervisorOptions {
  readonly links: LinkManager;
  readonly info: BusInfo;
  readonly modules: readonly PairedModule[];
  /** Readings a second to ask for where the wire allows. */
  readonly hz: number;
  readonly clock: Clock;
  /** UTC, for modules that ask. */
  readonly timeSource: TimeSource;
  readonly logger: Logger;
}

const HOUR_MS = 3_600_000;
/** Refusals that a moment cures: before the first heartbeat a module may not go On, and a tick may be too old. */
const PASSING: ReadonlySet<string> = new Set(["state", "stale"]);
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60_000;

/**
 * What the pack asks of its modules by itself: at each new session a telemetry rate that the wire carries and,
 * unless the pack is isolated, On; and their word every hour.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #periodMs: number;
  /** Which session of each module is the present one: what an older one still waits for is given up. */
  readonly #sessions = new Map<ModuleUid, number>();
  readonly #asked = new Set<ModuleUid>();
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
    const loadPercent = Math.round(load * 100);
    logger.info("bus.plan", { modules: modules.length, periodMs, loadPercent });
  }

  start(): void {
    const { clock } = this.#options;
    this.#timer = clock.at(millis(clock.now() + HOUR_MS), () => {
      void this.askStatements();
      this.start();
    });
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#timer?.();
    this.#sessions.clear();
  }

  /** A session is new: the module may have started afresh, and forgotten rate and state. */
  linked({ uid }: PairedModule): void {
    const session = (this.#sessions.get(uid) ?? 0) + 1;
    this.#sessions.set(uid, session);
    void this.#insist(uid, session, { kind: "telemetry-request", periodMs: this.#periodMs });
    this.#switchOn(uid);
  }

  /** Modules may close their relays again. */
  allowed(): void {
    for (const uid of this.#sessions.keys()) this.#switchOn(uid);
  }

  /** A module asks for the time. */
  tellTime({ uid }: PairedModule): void {
    const { links, timeSource } = this.#options;
    const valid = timeSource.state.synchronised ? 1 : 0;
    void links.order(uid, { kind: "time", utcMs: timeSource.utc(), valid });
  }

  /** Whether this statement answers a question of ours; anything else could fill the ledger. */
  answered({ uid }: PairedModule): boolean {
    return this.#asked.delete(uid);
  }

  /** Asks every module for its counter statement; resolves when each has answered or will not. */
  async askStatements(): Promise<void> {
    const { links, modules, logger } = this.#options;
    for (const { uid } of modules) this.#asked.add(uid);
    const unanswered: ModuleUid[] = [];
    for (const [uid, answer] of links.orderAll({ kind: "counter-statement-request" })) {
      if ((await answer).kind !== "acknowledged") unanswered.push(uid);
    }
    if (unanswered.length > 0) logger.warn("link.no-statement", { modules: unanswered.join(" ") });
  }

  #switchOn(uid: ModuleUid): void {
    const session = this.#sessions.get(uid);
    if (session === undefined || this.#options.links.isolated) return;
    // 0 V: the pack has no measurement of its high-voltage bus.
    const on = { kind: "state-change", state: MODULE_STATE.on, hvBusVoltage: 0 } as const;
    void this.#insist(uid, session, on);
  }

  /** Sends until it is acknowledged or refused, for as long as the session lasts. */
  async #insist(uid: ModuleUid, session: number, order: PackOrder): Promise<void> {
    const { links, logger } = this.#options;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(2 * wait, LONGEST_RETRY_MS)) {
      const result: OrderResult = await links.order(uid, order);
      if (result.kind === "acknowledged") return;
      if (result.kind === "refused" && !PASSING.has(result.reason)) {
        const { reason } = result;
        logger.warn("link.order-refused", { module: uid, order: order.kind, reason });
        return;
      }
      await this.#pause(wait);
      const given = order.kind === "state-change" && links.isolated;
      if (this.#sessions.get(uid) !== session || given) return;
    }
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      clock.at(millis(clock.now() + ms), resolve);
    });
  }
}
