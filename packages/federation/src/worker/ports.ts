import type { PackName } from "@wattseal/uplink";

/** The channels that packs publish. */
export const INGEST_CHANNELS = ["batch", "head", "epoch", "state", "alarm", "response"] as const;
export type IngestChannel = (typeof INGEST_CHANNELS)[number];

/** A message as the transport delivered it. */
export interface Delivery {
  readonly pack: PackName;
  readonly channel: IngestChannel;
  readonly payload: Uint8Array;
  /** Acknowledges it: called once, when the message is stored, refused or found to be of no use. */
  settle(): void;
}

/** Sends to a pack. May lose it: the pack asks again by sending again. */
export type Publish = (pack: PackName, channel: "receipt" | "request", payload: Uint8Array) => void;
