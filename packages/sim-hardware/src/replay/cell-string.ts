import { SERIES_CELLS } from "../pack/cells.js";
import { socAtRest } from "../pack/ocv.js";
import type { RecordedSample } from "./recording.js";

/** Voltages that 94 NMC cells in series can have. */
const PACK_VOLTS = { lowest: SERIES_CELLS * 2.5, highest: SERIES_CELLS * 4.3 } as const;
const MEAN_CELL_VOLTS = 3.7;
const LARGEST_CELL_COUNT = 255;

/** Cells in series that fit a pack's voltage: 94, unless it cannot be. */
export function cellsFor(volts: number): number {
  if (volts >= PACK_VOLTS.lowest && volts <= PACK_VOLTS.highest) return SERIES_CELLS;
  return Math.min(LARGEST_CELL_COUNT, Math.max(1, Math.round(volts / MEAN_CELL_VOLTS)));
}

/** Where a recording begins, 0 to 1: as it says, or as a cell at rest has its voltage. */
export function firstSoc({ soc, volts }: RecordedSample): number {
  return soc ?? socAtRest(volts / cellsFor(volts));
}
