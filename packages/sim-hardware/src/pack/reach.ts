import { SCALE } from "@wattseal/can-protocol";

const LARGEST_RAW = 2 ** 16 - 1;

const physical = (raw: number, { multiply, add, divide }: (typeof SCALE)[keyof typeof SCALE]) =>
  (raw * multiply + add) / divide;

/** What a module's readings can say: the reach of their 16-bit fields. */
export const READING = {
  /** V, from 0. */
  volts: physical(LARGEST_RAW, SCALE.voltage),
  /** A, either way. */
  amps: physical(LARGEST_RAW, SCALE.moduleCurrent),
  cellVolts: physical(LARGEST_RAW, SCALE.cellVoltage),
  lowestCelsius: physical(0, SCALE.temperature),
  highestCelsius: physical(LARGEST_RAW, SCALE.temperature),
} as const;
