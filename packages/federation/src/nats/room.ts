/** What is taken from the broker and not settled: bounded in memory, whatever the store's pace. */
const MAX_MESSAGES = 512;
const MAX_BYTES = 33_554_432;
const PER_PULL = 64;

export class Room {
  #messages = 0;
  #bytes = 0;
  #waiting: (() => void) | undefined;

  /** How many messages to ask for, above 0. */
  async free(): Promise<number> {
    while (this.#isFull) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return Math.min(PER_PULL, MAX_MESSAGES - this.#messages);
  }

  take(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
    if (!this.#isFull) this.open();
  }

  /** Lets whoever waits look again. */
  open(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  get #isFull(): boolean {
    return this.#messages >= MAX_MESSAGES || this.#bytes >= MAX_BYTES;
  }
}
