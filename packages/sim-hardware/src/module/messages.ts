/** What a simulated module says about itself: its sensors, cut to what the wire's fields can hold. */
import type { ModuleUid } from "@wattseal/base";
import {
  CAPABILITY,
  type Capability,
  type CellDetail,
  type CounterStatement,
  counterStatementOf,
  type Hardware,
  MODULE_STATUS,
  type Telemetry,
} from "@wattseal/can-protocol";
import type { DeviceHalf, ModulePairing } from "@wattseal/device-keys";
import { type ModuleCells, RATED_AMP_HOURS, SERIES_CELLS } from "../pack/cells.js";
import type { EnergyMeter } from "../pack/energy-meter.js";
import { READING } from "../pack/reach.js";

const FIRMWARE = 0x0100;
const HARDWARE = 1;
const LINK_VERSION = 1;
export const CAPABILITIES =
  CAPABILITY.cellDetail | CAPABILITY.counterStatement | CAPABILITY.keyRoll;
/** Readings per second. */
export const HIGHEST_RATE = 10;
const LONGEST_PDU = 4096;
const EMPTY_SOC = 0.02;
const FULL_SOC = 0.995;
const END_CELL_VOLTS = 4.2;
const LARGEST_RATE_PER_HOUR = 3;

const clamp = (value: number, lowest: number, highest: number): number =>
  Math.min(highest, Math.max(lowest, value));
const current = (amps: number) => clamp(amps, -READING.amps, READING.amps);
export const packVolts = (volts: number) => clamp(volts, 0, READING.volts);
const cellVolts = (volts: number) => clamp(volts, 0, READING.cellVolts);
const temperature = (celsius: number) =>
  clamp(celsius, READING.lowestCelsius, READING.highestCelsius);
const percent = (share: number) => clamp(share * 100, 0, 100);

export function statusOf(cells: ModuleCells): number {
  if (cells.soc <= EMPTY_SOC) return MODULE_STATUS.empty;
  return cells.soc >= FULL_SOC ? MODULE_STATUS.full : MODULE_STATUS.normal;
}

export function telemetryOf(options: {
  readonly cells: ModuleCells;
  readonly meter: EnergyMeter;
  readonly state: number;
  readonly tick: number;
  readonly boot: number;
}): Telemetry {
  const { cells, meter, state, tick, boot } = options;
  return {
    kind: "telemetry",
    status1: {
      state,
      status: statusOf(cells),
      soc: percent(cells.soc),
      soh: percent(cells.soh),
      cells: cells.cells,
      current: current(cells.amps),
      voltage: packVolts(cells.volts),
    },
    status2: {
      cellLow: cellVolts(cells.lowestCellVolts),
      cellHigh: cellVolts(cells.highestCellVolts),
      cellAverage: cellVolts(cells.meanCellVolts),
      cellTotal: packVolts(cells.volts),
    },
    status3: {
      low: temperature(cells.lowestCelsius),
      high: temperature(cells.highestCelsius),
      average: temperature(cells.celsius),
    },
    inMwh: meter.in,
    outMwh: meter.out,
    tick,
    boot,
  };
}

/** Undefined for a cell that this module does not have. */
export function cellDetailOf(cells: ModuleCells, cell: number): CellDetail | undefined {
  if (cell >= cells.cells) return undefined;
  const detail = cells.cell(cell);
  return {
    kind: "cell-detail",
    cell,
    cells: cells.cells,
    temperature: temperature(detail.celsius),
    voltage: cellVolts(detail.volts),
    soc: percent(cells.soc),
    soh: percent(cells.soh),
  };
}

export function hardware(): Hardware {
  const amps = RATED_AMP_HOURS * LARGEST_RATE_PER_HOUR;
  return {
    kind: "hardware",
    fw: FIRMWARE,
    maxChargeCurrent: amps,
    maxDischargeCurrent: -amps,
    endVoltage: SERIES_CELLS * END_CELL_VOLTS,
    hwVersion: HARDWARE,
  };
}

export function capability(): Capability {
  return {
    kind: "capability",
    version: LINK_VERSION,
    capabilities: CAPABILITIES,
    maxRate: HIGHEST_RATE,
    maxPdu: LONGEST_PDU,
  };
}

/** The module's word to the federation, which the pack cannot forge: can-link.md, counter statement. */
export function counterStatement(options: {
  readonly uid: ModuleUid;
  readonly half: DeviceHalf;
  readonly pairing: ModulePairing;
  readonly meter: EnergyMeter;
  readonly tick: number;
  readonly boot: number;
}): CounterStatement {
  const { uid, half, pairing, meter, tick, boot } = options;
  const reading = { uid, boot, tick, inMwh: meter.in, outMwh: meter.out };
  return counterStatementOf(reading, half, pairing.fed);
}
