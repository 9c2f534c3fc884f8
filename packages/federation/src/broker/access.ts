/** Who may publish and subscribe what, on the embedded broker and, as a pattern, on any other. */
import {
  CHANNELS,
  type FleetName,
  MAX_MESSAGE_BYTES,
  parseTopic,
  type Topic,
  topicFilter,
} from "@wattseal/uplink";
import { INGEST_CHANNELS } from "../worker/ports.js";

export type Role =
  | { readonly kind: "pack"; readonly name: string }
  | { readonly kind: "federation" };

export interface Publication {
  readonly topic: string;
  readonly retain: boolean;
  readonly bytes: number;
}

/** The reason against it, or undefined. */
export function publishProblem(
  role: Role,
  fleet: FleetName,
  { topic, retain, bytes }: Publication,
): string | undefined {
  const parsed = ownTopic(role, fleet, topic);
  if (typeof parsed === "string") return parsed;
  const channel = CHANNELS[parsed.channel];
  if (channel.from !== role.kind) return `${role.kind} does not publish ${parsed.channel}`;
  if (retain && !channel.retain) return `${parsed.channel} is not retained`;
  return bytes > MAX_MESSAGE_BYTES ? `${bytes} bytes exceed ${MAX_MESSAGE_BYTES}` : undefined;
}

/** A pack subscribes to its own topics by name; the federation to what packs publish. */
export function maySubscribe(role: Role, fleet: FleetName, filter: string): boolean {
  if (role.kind === "pack") {
    const parsed = ownTopic(role, fleet, filter);
    return typeof parsed !== "string" && CHANNELS[parsed.channel].from === "federation";
  }
  return INGEST_CHANNELS.some((channel) => filter === topicFilter(fleet, channel));
}

function ownTopic(role: Role, fleet: FleetName, text: string): Topic | string {
  let topic: Topic;
  try {
    topic = parseTopic(text);
  } catch (error) {
    return error instanceof Error ? error.message : "is no topic of ours";
  }
  if (topic.fleet !== fleet) return `fleet ${topic.fleet} is not ${fleet}`;
  if (role.kind === "pack" && topic.pack !== role.name) return `${topic.pack} is another pack`;
  return topic;
}
