import type { Cancel, Clock, Millis, SyncState, TimeSource } from "@wattseal/base";
import { millis } from "@wattseal/base";

const SYNCHRONISED: SyncState = { synchronised: true, source: "simulated" };
const LOST: SyncState = { synchronised: false, source: "simulated" };

/** UTC of the simulated pack controller: that of the simulation, until something sets it otherwise. */
export class SimTimeSource implements TimeSource {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #offset = 0;
  #state = SYNCHRONISED;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  utc(): Millis {
    return millis(Math.max(0, this.#clock.now() + this.#offset));
  }

  get state(): SyncState {
    return this.#state;
  }

  listen(told: () => void): Cancel {
    this.#listeners.add(told);
    return () => void this.#listeners.delete(told);
  }

  /** Sets UTC `ms` forward, or back where that is negative. */
  step(ms: number): void {
    this.#offset += ms;
    this.#tell();
  }

  /** Nobody vouches for UTC any more, until called back. */
  lose(): Cancel {
    this.#state = LOST;
    this.#tell();
    return () => {
      this.#state = SYNCHRONISED;
      this.#tell();
    };
  }

  #tell(): void {
    for (const told of this.#listeners) told();
  }
}
