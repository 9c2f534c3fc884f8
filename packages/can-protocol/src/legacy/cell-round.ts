import type { LegacyLimits } from "./types.js";

const MOST_CELLS = 255;
/** Requests beyond two for each cell that a module may need before the round ends without the rest. */
const SPARE_REQUESTS = 8;

/**
 * Asks a module for its cells one by one, and takes what comes in whatever order: deployed firmware answers with
 * cells that nobody asked for, twice, or beyond the last one.
 */
export class CellRound {
  readonly #limits: LegacyLimits;
  readonly #seen = new Uint8Array(MOST_CELLS);
  #cells: number;
  #told = 0;
  #asked = -1;
  #requests = 0;
  #until: number;

  /** `cells` as status 1 tells them; 0 when it does not. */
  constructor(cells: number, limits: LegacyLimits, now: number) {
    this.#cells = cells;
    this.#limits = limits;
    this.#until = now;
  }

  get until(): number {
    return this.#until;
  }

  get told(): number {
    return this.#told;
  }

  get missing(): number {
    return Math.max(this.#cells, 1) - this.#told;
  }

  /** True for a cell of this module told for the first time in this round; `cells` as the frame says. */
  take(cell: number, cells: number, now: number): boolean {
    if (this.#cells === 0) this.#cells = Math.min(cells, MOST_CELLS);
    if (cell >= this.#cells) return false;
    if (cell === this.#asked) this.#until = now;
    if (this.#seen[cell] !== 0) return false;
    this.#seen[cell] = 1;
    this.#told += 1;
    return true;
  }

  /** The cell to ask for now; "wait" until `until`; "over" when all are told or the requests are used up. */
  next(now: number): number | "wait" | "over" {
    const known = Math.max(this.#cells, 1);
    if (this.#told >= known && this.#cells > 0) return "over";
    if (now < this.#until) return "wait";
    if (this.#requests >= 2 * known + SPARE_REQUESTS) return "over";
    this.#requests += 1;
    this.#until = now + this.#limits.cellMs;
    for (let step = 1; step <= known; step += 1) {
      const cell = (this.#asked + step) % known;
      if (this.#seen[cell] !== 0) continue;
      this.#asked = cell;
      return cell;
    }
    return "over";
  }
}
