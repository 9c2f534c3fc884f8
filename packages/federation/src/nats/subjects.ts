/** NATS maps MQTT topics to subjects, `/` to `.`: one to one for ours, whose levels hold neither a dot nor a space. */
import { type Channel, type FleetName, type PackName, parseTopic, topicOf } from "@wattseal/uplink";
import { type Delivery, isIngest } from "../worker/ports.js";

/** Where nats-server keeps what MQTT clients publish at QoS 1, and what it retains (server/mqtt.go). */
export const MESSAGES = { stream: "$MQTT_msgs", prefix: "$MQTT.msgs." } as const;
export const RETAINED = { stream: "$MQTT_rmsgs" } as const;

/** Everything that packs of the fleet publish. One filter: several need NATS 2.10. */
export function fleetFilter(fleet: FleetName): string {
  return `${MESSAGES.prefix}wattseal.1.${fleet}.>`;
}

/** Published there, a message reaches the MQTT client that subscribes to the topic. */
export function subjectOf(fleet: FleetName, pack: PackName, channel: Channel): string {
  return topicOf(fleet, pack, channel).replaceAll("/", ".");
}

/** Undefined: no message of this fleet's packs. */
export function senderOf(
  fleet: FleetName,
  topic: string,
): Pick<Delivery, "pack" | "channel"> | undefined {
  try {
    const { fleet: named, pack, channel } = parseTopic(topic);
    return named === fleet && isIngest(channel) ? { pack, channel } : undefined;
  } catch {
    return undefined;
  }
}

/** The topic of a message in the stream. */
export function topicIn(subject: string): string {
  return subject.slice(MESSAGES.prefix.length).replaceAll(".", "/");
}
