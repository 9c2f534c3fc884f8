import type { BusInfo, CanFrame } from "./bus.js";

/** Bits at the nominal and at the data rate, stuff bits and three bits of intermission included. */
export interface FrameBits {
  readonly nominal: number;
  readonly data: number;
}
export function frameBits(frame: CanFrame): FrameBits {
  return {
    nominal: frame.fd ? 60 : 71 + 8 * frame.data.length,
    data: frame.fd ? 40 + 8 * frame.data.length : 0,
  };
}
/** Time on the wire, nanoseconds. */
export function frameNanos(frame: CanFrame, info: BusInfo): number {
  const bits = frameBits(frame);
  return Math.round(
    (bits.nominal * 1e9) / info.nominalBitRate +
      (bits.data * 1e9) / (info.dataBitRate ?? info.nominalBitRate),
  );
}
