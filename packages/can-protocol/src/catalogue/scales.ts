import type { Scale } from "./layout.js";

/** Scales of the module bus. */
export const SCALE = {
  /** raw 32768 = 0 A; positive is charging. */
  moduleCurrent: { multiply: 2, add: -65_536, divide: 100, unit: "A" },
  /** Of the whole pack, in the same steps: raw 8388608 = 0 A; positive is charging. */
  packCurrent: { multiply: 2, add: -16_777_216, divide: 100, unit: "A" },
  /** Module voltage, cell total, end voltage, high-voltage bus. */
  voltage: { multiply: 15, add: 0, divide: 1000, unit: "V" },
  cellVoltage: { multiply: 1, add: 0, divide: 1000, unit: "V" },
  /** raw 5535 = 0 degC. */
  temperature: { multiply: 1, add: -5535, divide: 100, unit: "degC" },
  percent: { multiply: 1, add: 0, divide: 2, unit: "%" },
} as const satisfies Record<string, Scale>;

/** Scales of the vehicle side (0x400 range). */
export const VCU_SCALE = {
  voltage: { multiply: 5, add: 0, divide: 100, unit: "V" },
  current: { multiply: 5, add: -160_000, divide: 100, unit: "A" },
  temperature: { multiply: 3125, add: -27_300_000, divide: 100_000, unit: "degC" },
  soc: { multiply: 15_625, add: 0, divide: 10_000_000, unit: "%" },
  soh: { multiply: 4, add: 0, divide: 10, unit: "%" },
} as const satisfies Record<string, Scale>;

/** Module states, as state fields carry them. */
export const MODULE_STATE = {
  off: 0,
  /** Relay closed, FET open. */
  standby: 1,
  precharge: 2,
  on: 3,
} as const;

export const MODULE_STATUS = {
  off: 0,
  /** Charge only. */
  empty: 1,
  normal: 2,
  /** Discharge only. */
  full: 3,
} as const;

/** Bits of a fault byte. */
export const FAULT = {
  communication: 1,
  hardwareIncompatible: 2,
  overCurrent: 4,
  overTemperature: 8,
  overVoltage: 16,
} as const;
