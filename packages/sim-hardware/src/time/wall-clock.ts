/** Time that really passes; the kernel only measures with it, nothing simulated ever carries it. */
export interface WallClock {
  /** Milliseconds with a fraction, monotonic, from any origin: `performance.now()`. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}
