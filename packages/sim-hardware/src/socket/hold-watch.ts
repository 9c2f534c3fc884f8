import type { Logger } from "@wattseal/base";
import type { WallClock } from "../time/wall-clock.js";

/** Wall time that a client may hold simulated time before somebody is told. */
const PATIENCE_MS = 10_000;
/** How often it is looked for; what is pending of it may keep a process that long. */
const LOOK_MS = 500;

export interface Holder {
  readonly name: string;
  /** The grant that it has not acknowledged: another object each time. */
  readonly outstanding: object | undefined;
}

interface Hold {
  readonly since: number;
  told: boolean;
}

/**
 * Says which client holds simulated time, once for each grant that it leaves unacknowledged for 10 s. Nothing else
 * happens to it: it may be in a debugger, or busy with its disk.
 */
export class HoldWatch {
  readonly #wall: WallClock;
  readonly #logger: Logger;
  readonly #holds = new WeakMap<object, Hold>();
  #over = false;

  constructor(wall: WallClock, logger: Logger) {
    this.#wall = wall;
    this.#logger = logger;
  }

  async watch(holders: Iterable<Holder>): Promise<void> {
    while (!this.#over) {
      const now = this.#wall.now();
      for (const holder of holders) this.#look(holder, now);
      await this.#wall.sleep(LOOK_MS);
    }
  }

  close(): void {
    this.#over = true;
  }

  #look({ name, outstanding }: Holder, now: number): void {
    if (outstanding === undefined) return;
    const hold = this.#holds.get(outstanding) ?? { since: now, told: false };
    this.#holds.set(outstanding, hold);
    if (hold.told || now - hold.since < PATIENCE_MS) return;
    hold.told = true;
    this.#logger.warn("bus.client.holds-time", { client: name, seconds: PATIENCE_MS / 1000 });
  }
}
