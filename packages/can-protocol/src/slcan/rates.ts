/** S and Y commands. S7 is left out: 800 kbit/s to Lawicel, 750 to the first CANable 2. */
const NOMINAL = new Map([
  [10_000, "S0"],
  [20_000, "S1"],
  [50_000, "S2"],
  [100_000, "S3"],
  [125_000, "S4"],
  [250_000, "S5"],
  [500_000, "S6"],
  [1_000_000, "S8"],
]);
/** Those that every CANable 2 firmware has. */
const DATA = new Map([
  [2_000_000, "Y2"],
  [5_000_000, "Y5"],
]);

/** Bit/s that an adapter can be asked for by number. */
export const SLCAN_BIT_RATES: readonly number[] = [...NOMINAL.keys()];

/** The command that sets this rate; undefined when there is none. */
export function slcanBitRate(bitRate: number): string | undefined {
  return NOMINAL.get(bitRate);
}

/** Likewise of the FD data phase. */
export function slcanDataBitRate(bitRate: number): string | undefined {
  return DATA.get(bitRate);
}
