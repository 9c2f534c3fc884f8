/** Looks again and again at what other processes have done: to a shared registry, or in the same folder. */
import { type Cancel, type Clock, type Logger, messageOf, millis } from "@wattseal/base";

/** What another process has done is known after this long, and what a look takes. */
const LOOK_MS = 2_000;

export interface FollowerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** One that fails is tried again at the next turn. */
  readonly look: () => Promise<void>;
  /** The log event of one that failed. */
  readonly failed: string;
}

export class Follower {
  readonly #options: FollowerOptions;
  #cancel: Cancel | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor(options: FollowerOptions) {
    this.#options = options;
  }

  static start(options: FollowerOptions): Follower {
    const follower = new Follower(options);
    follower.#wait();
    return follower;
  }

  /** Resolves when no look is going on any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#looking;
  }

  #wait(): void {
    const { clock } = this.#options;
    this.#cancel = clock.at(millis(clock.now() + LOOK_MS), () => {
      this.#looking = this.#look();
    });
  }

  async #look(): Promise<void> {
    const { look, logger, failed } = this.#options;
    try {
      await look();
    } catch (error) {
      logger.warn(failed, { error: messageOf(error) });
    }
    if (!this.#stopped) this.#wait();
  }
}
