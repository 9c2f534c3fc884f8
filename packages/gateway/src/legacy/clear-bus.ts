/**
 * The clear side of the module bus. By default nothing may speak in clear, and each clear frame is an alarm; listed
 * modules are served only where the configuration admits them.
 *
 * Trust: anyone on the wire can say anything here. Readings go out marked as unauthenticated, and nothing that bears
 * a paired slot or unique id goes out at all.
 */
import type {
  Cancel,
  Clock,
  Logger,
  Millis,
  MilliwattHours,
  ModuleUid,
  TimeSource,
} from "@wattseal/base";
import {
  type BusListener,
  type BusState,
  baseOf,
  type CanBus,
  type CanFrame,
  CLEAR_FRAMES,
  type ClearAlarm,
  ClearGuard,
  isClear,
  type LegacyEvent,
  LegacyPack,
  type LegacyPackEffect,
  type LegacyPackEvent,
  type LegacyQuirks,
  type LegacyReading,
  MODULE_STATE,
} from "@wattseal/can-protocol";
import type { PackPairing } from "@wattseal/device-keys";
import { GatewayError } from "../errors.js";
import { ClearSender } from "./clear-sender.js";

/** A clear-text module as the configuration lists it. */
export interface LegacyUnit {
  readonly uid: ModuleUid;
  readonly quirks?: LegacyQuirks | undefined;
  /** mWh that it holds; 0 when unknown. */
  readonly capacity: MilliwattHours;
}

/** A clear-text module's standing. Nothing of it is authenticated. */
export interface LegacyStatus {
  readonly uid: ModuleUid;
  readonly authenticated: false;
  /** While it is registered. */
  readonly slot: number | undefined;
  readonly registered: boolean;
  readonly readings: number;
  readonly reading: LegacyReading | undefined;
  /** No reading for 2 s and its turn: shown as stale, never as live. */
  readonly stale: boolean;
}

export interface ClearListener {
  reading(reading: LegacyReading): void;
  alarm(alarm: ClearAlarm): void;
}

export interface ClearBusOptions {
  readonly bus: CanBus;
  readonly pairing: PackPairing;
  readonly clock: Clock;
  readonly timeSource: TimeSource;
  readonly logger: Logger;
  /** Modules to be served; undefined: none may speak in clear. */
  readonly legacy: readonly LegacyUnit[] | undefined;
  readonly listener: ClearListener;
}

const STALE_MS = 2000;
/** Each module's turn comes round after this for each of them. */
const POLL_MS = 100;

const COMMON: ReadonlySet<LegacyEvent["kind"]> = new Set(["registered", "state-reached"]);

export class ClearBus implements BusListener {
  readonly #options: ClearBusOptions;
  readonly #guard: ClearGuard;
  readonly #pack: LegacyPack | undefined;
  readonly #sender: ClearSender;
  readonly #last = new Map<ModuleUid, LegacyReading>();
  #unlisten: (() => void) | undefined;
  #timer: Cancel | undefined;
  #armed: number | undefined;

  /** Throws GatewayError `legacy` on an FD bus, CanProtocolError `legacy-modules` for a list that cannot be. */
  constructor(options: ClearBusOptions) {
    this.#options = options;
    const { bus, pairing, timeSource, legacy, logger } = options;
    this.#guard = new ClearGuard(pairing.modules);
    this.#sender = new ClearSender(bus, (frames) => logger.warn("bus.clear-unsent", { frames }));
    if (legacy === undefined) return;
    if (bus.info.dataBitRate !== undefined) {
      throw new GatewayError(
        "legacy",
        "usage",
        "clear-text modules are classic-only nodes: they would destroy the FD frames of this bus",
      );
    }
    this.#pack = new LegacyPack({
      modules: legacy.map(({ uid, quirks }) => (quirks === undefined ? { uid } : { uid, quirks })),
      secured: pairing.modules,
      maxState: MODULE_STATE.on,
      timeValid: timeSource.state.synchronised,
    });
  }

  /** Before the links: what is left of the mailboxes is theirs. */
  start(): void {
    this.#unlisten = this.#options.bus.listen(this);
    for (const { uid } of this.#options.legacy ?? []) {
      this.#do({ kind: "order", uid, state: MODULE_STATE.on });
    }
    this.#do({ kind: "open" });
  }

  /** Says nothing more on the bus; each module goes Off by its own silence timer. */
  stop(): void {
    this.#do({ kind: "close" });
    this.#alarms(this.#guard.close());
    this.#timer?.();
    this.#unlisten?.();
    this.#sender.clear();
  }

  /** Every clear-text module Off at once; it stays so until the gateway starts anew. */
  isolate(): void {
    this.#do({ kind: "isolate" });
  }

  status(): readonly LegacyStatus[] {
    const modules = this.#pack?.modules ?? [];
    const now = this.#options.clock.now();
    return modules.map(({ uid, phase, slot, readings }) => {
      const reading = this.#last.get(uid);
      const old = reading === undefined || now - reading.at > STALE_MS + POLL_MS * modules.length;
      const registered = phase === "active";
      const stale = old || !registered;
      return { uid, authenticated: false, slot, registered, readings, reading, stale };
    });
  }

  frame(frame: CanFrame): void {
    if (!isClear(frame.id)) return;
    if (this.#pack !== undefined) {
      this.#do({ kind: "frame", frame });
      return;
    }
    const now = this.#options.clock.now();
    this.#alarms(this.#guard.due(now));
    const alarm = this.#guard.frame(frame, now);
    if (alarm !== undefined) this.#alarms([alarm]);
    this.#arm(this.#guard.deadline, () => this.#guardsTurn());
  }

  sent(frame: CanFrame): void {
    this.#sender.sent(frame);
  }

  error(): void {
    // The controller repeats the frame; what does not arrive is asked for again.
  }

  state(state: BusState): void {
    this.#sender.state(state);
    this.#do({ kind: "bus", state });
  }

  #do(event: LegacyPackEvent): void {
    if (this.#pack === undefined) return;
    const now = this.#options.clock.now();
    for (const effect of this.#pack.handle(event, now)) this.#perform(effect);
    this.#arm(this.#pack.deadline, () => this.#do({ kind: "timer" }));
  }

  /** Alarms that were only counted. */
  #guardsTurn(): void {
    this.#alarms(this.#guard.due(this.#options.clock.now()));
    this.#arm(this.#guard.deadline, () => this.#guardsTurn());
  }

  #alarms(alarms: readonly ClearAlarm[]): void {
    for (const alarm of alarms) this.#options.listener.alarm(alarm);
  }

  #arm(deadline: Millis | undefined, due: () => void): void {
    if (deadline === this.#armed) return;
    this.#timer?.();
    this.#armed = deadline;
    this.#timer =
      deadline === undefined
        ? undefined
        : this.#options.clock.at(deadline, () => {
            this.#armed = undefined;
            due();
          });
  }

  #perform(effect: LegacyPackEffect): void {
    const { listener, logger } = this.#options;
    switch (effect.kind) {
      case "transmit":
        this.#sender.send(effect.frame, baseOf(effect.frame.id) === CLEAR_FRAMES.allIsolate.base);
        break;
      case "reading":
        this.#last.set(effect.uid, effect);
        listener.reading(effect);
        break;
      case "alarm":
        listener.alarm(effect.alarm);
        break;
      case "event": {
        const { kind, uid, ...detail } = effect.event;
        const isCommon = COMMON.has(kind) || ("reason" in detail && detail.reason === "closed");
        logger[isCommon ? "info" : "warn"](`legacy.${kind}`, { module: uid, ...detail });
        break;
      }
      case "hardware":
        logger.info("legacy.hardware", { module: effect.uid, ...effect.hardware });
        break;
      case "cell":
      case "cells":
      case "cell-comms":
      case "log-frame":
        break; // nobody here asks for them yet
    }
  }
}
