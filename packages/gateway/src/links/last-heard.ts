import type { Millis, ModuleUid } from "@wattseal/base";
import type { Telemetry } from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import type { ModuleStatus } from "../status.js";
import type { LinkManager } from "./manager.js";

/** A reading that is older is not shown as live. */
const STALE_MS = 2000;

interface LastReading {
  readonly telemetry: Telemetry;
  readonly time: Millis;
}

/** What each paired module said last, for whoever looks at the pack. */
export class LastHeard {
  readonly #faults = new Map<ModuleUid, number>();
  readonly #readings = new Map<ModuleUid, LastReading>();

  reading(module: ModuleUid, telemetry: Telemetry, time: Millis): void {
    this.#readings.set(module, { telemetry, time });
  }

  faults(module: ModuleUid, bits: number): void {
    this.#faults.set(module, bits);
  }

  status(module: PairedModule, links: LinkManager, now: Millis): ModuleStatus {
    const last = this.#readings.get(module.uid);
    const link = links.status(module.uid);
    return {
      uid: module.uid,
      authenticated: true,
      slot: module.slot,
      linked: link?.linked ?? false,
      strikes: link?.strikes ?? 0,
      faults: this.#faults.get(module.uid) ?? 0,
      counts: link?.counts,
      telemetry: last?.telemetry,
      stale: last === undefined || now - last.time > STALE_MS,
    };
  }
}
