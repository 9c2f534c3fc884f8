import { bytesEqual, type Millis } from "@wattseal/base";
import type { DeviceCustody } from "@wattseal/device-keys";
import type { DhRequest, Link, PackLinkEffect, PackLinkEvent } from "./types.js";

export type LocalPackLink = Link<PackLinkEvent, Exclude<PackLinkEffect, DhRequest>>;

/**
 * A pack's link whose halves are at hand, also those that join them later: what it asks of them is answered at once,
 * and what comes of that takes the place of the effect `dh`. For a bench, a test, a simulated pack; a gateway's half answers in its own time.
 */
export function withHalves(
  link: Link<PackLinkEvent, PackLinkEffect>,
  halves: readonly DeviceCustody[],
): LocalPackLink {
  const handle: LocalPackLink["handle"] = (event, now) =>
    link
      .handle(event, now)
      .flatMap((effect) => (effect.kind === "dh" ? answer(effect, now) : effect));
  const answer = ({ id, half, peer }: DhRequest, now: Millis) => {
    const holder = halves.find(({ publicKey }) => bytesEqual(publicKey, half));
    return handle({ kind: "dh", id, shared: holder?.dh(peer) }, now);
  };
  return {
    handle,
    get deadline() {
      return link.deadline;
    },
    get status() {
      return link.status;
    },
  };
}
