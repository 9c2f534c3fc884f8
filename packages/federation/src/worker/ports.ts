import type { PackName } from "@wattseal/uplink";

/** The channels that packs publish. */
export const INGEST_CHANNELS = ["batch", "head", "epoch", "state", "alarm", "response"] as const;
export type IngestChannel = (typeof INGEST_CHANNELS)[number];

export function isIngest(channel: string): channel is IngestChannel {
  return INGEST_CHANNELS.some((known) => known === channel);
}

/** A message as the transport delivered it. */
export interface Delivery {
  readonly pack: PackName;
  readonly channel: IngestChannel;
  readonly payload: Uint8Array;
  /**
   * Acknowledges it: called when the message is stored or found to be of no use, `refused` when it never can be of any: a
   * broker that tells the two apart is not to bring it again. Calls after the first are ignored.
   */
  settle(verdict?: "refused"): void;
}

/** The channels that a federation publishes. */
export type OutgoingChannel = "receipt" | "request" | "order" | "status";

/** Sends to a pack. May lose it: the pack asks again by sending again. */
export type Publish = (pack: PackName, channel: OutgoingChannel, payload: Uint8Array) => void;

/** The broker's account of the federation. PEM texts. */
export interface BrokerAccount {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsMaterial;
}
export interface TlsMaterial {
  /** Whose brokers are believed. */
  readonly ca: string;
  /** What we prove ourselves with; a broker with another way of knowing us needs none. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The fleet's topics over one kind of broker (../mqtt, ../nats). Deliveries go to the function it was made with; those that
 * are not settled come again, here or at another worker, and no more are taken in than memory has room for.
 */
export interface FleetPort {
  /** Resolves when messages can arrive, however long the broker is away. Rejects with FederationError `broker`. */
  readonly ready: Promise<void>;
  readonly connected: boolean;
  /** False where it was dropped: the broker is away, or does not keep up. */
  readonly publish: (...message: Parameters<Publish>) => boolean;
  /** Leaves to the broker, or to another worker, what is not settled. */
  close(): Promise<void>;
}
