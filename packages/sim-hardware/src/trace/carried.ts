import {
  type BusInfo,
  type CanFrame,
  frameOf,
  type TraceRecord,
  type Uncarried,
} from "@wattseal/can-protocol";

/** Why a record of a trace was not played. */
export type LeftOut = Uncarried | "FD frame on a classic bus";

export interface ReplayCounts {
  readonly played: number;
  readonly leftOut: ReadonlyMap<LeftOut, number>;
}

/** The record as a frame of this bus, or why it cannot be one. */
export function carried(record: TraceRecord, info: BusInfo): CanFrame | LeftOut {
  const frame = frameOf(record);
  if (typeof frame === "string" || !frame.fd || info.dataBitRate !== undefined) return frame;
  return "FD frame on a classic bus";
}

export class ReplayTally implements ReplayCounts {
  readonly leftOut = new Map<LeftOut, number>();
  played = 0;

  leave(reason: LeftOut): void {
    this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + 1);
  }
}
