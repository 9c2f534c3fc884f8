/** The stream of the fleet's messages and the workers' common place in it. */
import {
  AckPolicy,
  type Consumer,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { type FleetName, MAX_MESSAGE_BYTES } from "@wattseal/uplink";
import { fleetFilter, MESSAGES, RETAINED } from "./subjects.js";

/** Of all workers together; each takes at most what `Room` allows. */
const MAX_UNSETTLED = 8192;
/** A message of ours, with what MQTT and nats-server put around it. */
const MAX_STORED_BYTES = MAX_MESSAGE_BYTES + 4_096;
/** nats-server's error codes (server/errors.json). */
const NOT_FOUND = [10_014, 10_059];
/** What a cluster replicates over at most here: R3. */
const REPLICAS = 3;

export interface Place {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly consumer: Consumer;
}

/**
 * Opens the fleet's durable consumer, made where there is none. The stream keeps a message while a consumer wants it (interest
 * retention, as nats-server itself makes it): so the consumer has to be there before the first gateway publishes, and
 * stays when every worker is gone. Throws what the client throws while JetStream has no leader.
 */
export async function openPlace(
  nc: NatsConnection,
  fleet: FleetName,
  ackWaitMs: number,
): Promise<Place> {
  const jsm = await jetstreamManager(nc);
  const js = jetstream(nc);
  await orMade(
    () => jsm.streams.info(MESSAGES.stream),
    () =>
      jsm.streams.add({
        name: MESSAGES.stream,
        subjects: [`${MESSAGES.prefix}>`],
        storage: StorageType.File,
        retention: RetentionPolicy.Interest,
        num_replicas: nc.info?.cluster === undefined ? 1 : REPLICAS,
        max_msg_size: MAX_STORED_BYTES,
      }),
  );
  const durable = `wattseal-${fleet}`;
  await orMade(
    () => jsm.consumers.info(MESSAGES.stream, durable),
    () =>
      jsm.consumers.add(MESSAGES.stream, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        ack_wait: ackWaitMs * 1_000_000,
        max_ack_pending: MAX_UNSETTLED,
        max_deliver: -1,
        filter_subject: fleetFilter(fleet),
      }),
  );
  return { js, jsm, consumer: await js.consumers.get(MESSAGES.stream, durable) };
}

/**
 * nats-server's MQTT listeners take a message of any size, and one that no worker can take in would be brought to them for
 * ever: what is too long is not stored. A stream that nats-server made, or an older worker, has no such bound. False: what
 * is retained has no stream yet. Throws what the client throws, where the account may not change streams.
 */
export async function boundMessages({ jsm }: Place): Promise<boolean> {
  for (const { stream } of [MESSAGES, RETAINED]) {
    if (!(await isThere(() => jsm.streams.info(stream)))) return false;
    const { config } = await jsm.streams.info(stream);
    if (config.max_msg_size === MAX_STORED_BYTES) continue;
    await jsm.streams.update(stream, { ...config, max_msg_size: MAX_STORED_BYTES });
  }
  return true;
}

/** Several workers may start at once: made twice, with the same settings, is made. */
async function orMade(look: () => Promise<unknown>, make: () => Promise<unknown>): Promise<void> {
  if (await isThere(look)) return;
  await make().catch(async (error: unknown) => {
    if (!(await isThere(look))) throw error;
  });
}

export async function isThere(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && NOT_FOUND.includes(error.code)) return false;
    throw error;
  }
}
