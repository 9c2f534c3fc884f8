/**
 * `wattseal/1/<fleet>/<pack>/<channel>`. Who may write a topic is the broker's access control; a message's
 * content is believed for its signatures only, so a wrong publisher can waste time but not be believed.
 */
import { type Branded, DecodeError, RangeViolation } from "@wattseal/base";

/** One fleet: lower-case letters, digits and inner hyphens, at most 63 characters. */
export type FleetName = Branded<string, "FleetName">;
/** The base32 part of a pack's LCT: 32 characters. */
export type PackName = Branded<string, "PackName">;

const FLEET = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const PACK = /^[a-z2-7]{32}$/;
const PREFIX = ["wattseal", "1"] as const;

function isFleetName(text: string): text is FleetName {
  return FLEET.test(text);
}
/** Throws RangeViolation. */
export function fleetName(text: string): FleetName {
  if (!isFleetName(text)) {
    throw new RangeViolation(`"${text}" is not a fleet name (a-z, 0-9, inner hyphens, up to 63)`);
  }
  return text;
}

function isPackName(text: string): text is PackName {
  return PACK.test(text);
}
/** Throws RangeViolation. */
export function packName(text: string): PackName {
  if (!isPackName(text)) {
    throw new RangeViolation(`"${text}" is not a pack name (32 characters of base32)`);
  }
  return text;
}

/** Every channel: who publishes it, and whether the broker keeps its last message. All are QoS 1. */
export const CHANNELS = {
  batch: { from: "pack", retain: false },
  head: { from: "pack", retain: true },
  epoch: { from: "pack", retain: true },
  state: { from: "pack", retain: true },
  alarm: { from: "pack", retain: false },
  response: { from: "pack", retain: false },
  receipt: { from: "federation", retain: false },
  request: { from: "federation", retain: false },
  order: { from: "federation", retain: false },
  status: { from: "federation", retain: false },
} as const;
export type Channel = keyof typeof CHANNELS;

function isChannel(text: string): text is Channel {
  return Object.hasOwn(CHANNELS, text);
}

export function topicOf(fleet: FleetName, pack: PackName, channel: Channel): string {
  return [...PREFIX, fleet, pack, channel].join("/");
}

/** The subscription that receives `channel` of every pack in the fleet. */
export function topicFilter(fleet: FleetName, channel: Channel): string {
  return [...PREFIX, fleet, "+", channel].join("/");
}

export interface Topic {
  readonly fleet: FleetName;
  readonly pack: PackName;
  readonly channel: Channel;
}

/** Throws DecodeError at the level that is not ours. */
export function parseTopic(topic: string): Topic {
  const levels = topic.split("/");
  const [product, version, fleet = "", pack = "", channel = ""] = levels;
  const refuse = (level: number, problem: string) =>
    new DecodeError("topic", levels.slice(0, level).join("/").length, problem);
  if (product !== PREFIX[0] || version !== PREFIX[1]) throw refuse(0, "is not wattseal/1/…");
  if (!isFleetName(fleet)) throw refuse(2, "has no fleet name");
  if (!isPackName(pack)) throw refuse(3, "has no pack name");
  if (!isChannel(channel)) throw refuse(4, "has an unknown channel");
  if (levels.length !== 5) throw refuse(5, "has too many levels");
  return { fleet, pack, channel };
}
