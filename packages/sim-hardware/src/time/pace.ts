import type { WallClock } from "./wall-clock.js";

/** Time lost to slow readers is not made up beyond this, or the ceiling would be broken while catching up. */
const SLACK_MS = 50;

/** Keeps simulated time under `speed` × wall time. */
export class Pace {
  readonly #wall: WallClock;
  readonly #microsPerMs: number;
  readonly #simulatedStart: number;
  readonly #wallStart: number;
  #simulatedOrigin: number;
  #wallOrigin: number;

  constructor(wall: WallClock, speed: number, simulatedMicros: number) {
    this.#wall = wall;
    this.#microsPerMs = speed * 1000;
    this.#wallStart = wall.now();
    this.#wallOrigin = this.#wallStart;
    this.#simulatedStart = simulatedMicros;
    this.#simulatedOrigin = simulatedMicros;
  }

  /** How far, in simulated µs, time may go by now. */
  reach(simulatedMicros: number): number {
    if (this.#microsPerMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const wall = this.#wall.now();
    const reach = this.#simulatedOrigin + (wall - this.#wallOrigin) * this.#microsPerMs;
    const latest = simulatedMicros + SLACK_MS * this.#microsPerMs;
    if (reach <= latest) return reach;
    this.#simulatedOrigin = latest;
    this.#wallOrigin = wall;
    return latest;
  }

  /** Wall milliseconds until `simulatedMicros` may be reached. */
  millisecondsUntil(simulatedMicros: number): number {
    const due = this.#wallOrigin + (simulatedMicros - this.#simulatedOrigin) / this.#microsPerMs;
    return Math.max(0, due - this.#wall.now());
  }

  /** Simulated seconds per wall second since the start; 0 before any wall time has passed. */
  reached(simulatedMicros: number): number {
    const wall = this.#wall.now() - this.#wallStart;
    return wall <= 0 ? 0 : (simulatedMicros - this.#simulatedStart) / 1000 / wall;
  }
}
