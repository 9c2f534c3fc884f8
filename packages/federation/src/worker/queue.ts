/**
 * Work in its order, in groups: a group waits a moment for company, and again, ever longer, where it has to be repeated, by
 * halves: what is done within a moment gets through where the whole never does.
 */
import { type Cancel, type Clock, millis } from "@wattseal/base";

export interface QueueOptions<Work> {
  readonly clock: Clock;
  /** Longest wait for company, ms. */
  readonly groupMs: number;
  /** At most. */
  readonly groupSize: number;
  /** "again": nothing of the group is done. Never rejects. */
  readonly work: (group: readonly Work[]) => Promise<"done" | "again">;
}

const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

export class WorkQueue<Work> {
  readonly #options: QueueOptions<Work>;
  #waiting: Work[] = [];
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  /** ms to wait before a group is repeated; undefined while none has to be. */
  #retryMs: number | undefined;
  /** Of the next group, at most. */
  #size: number;
  #stopped = false;

  constructor(options: QueueOptions<Work>) {
    this.#options = options;
    this.#size = options.groupSize;
  }

  push(work: Work): void {
    this.#waiting.push(work);
    const { groupMs, groupSize } = this.#options;
    if (this.#waiting.length >= groupSize && this.#retryMs === undefined) void this.#run();
    else this.#schedule(groupMs);
  }

  /** What has to come before all that waits. Only from within `work`. */
  unshift(...work: readonly Work[]): void {
    this.#waiting.unshift(...work);
  }

  /** Tries once more what waits. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    this.#timer = undefined;
    await this.#run();
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#running !== undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.at(millis(clock.now() + ms), () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  #run(): Promise<void> {
    this.#running ??= this.#empty().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length === 0 || this.#stopped) return;
      this.#timer?.();
      this.#timer = undefined;
      this.#schedule(this.#retryMs ?? 0); // what came as the last group ended
    });
    return this.#running;
  }

  async #empty(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { groupSize } = this.#options;
      const group = this.#waiting.splice(0, this.#size);
      if ((await this.#options.work(group)) === "again") {
        this.#waiting.unshift(...group);
        const last = this.#retryMs;
        this.#size = Math.ceil(group.length / 2);
        this.#retryMs = last === undefined ? RETRY_MS : Math.min(2 * last, MAX_RETRY_MS);
        return;
      }
      this.#retryMs = undefined;
      this.#size = Math.min(2 * this.#size, groupSize);
    }
  }
}
