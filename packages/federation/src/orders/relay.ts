/**
 * Orders on their way to packs. They are signed for one pack by somebody whom that pack knows, so nothing is added here:
 * who has this socket can send what others signed, and nothing else. What became of an order is in the pack's log.
 */
import { bytesEqual, type LctId, type Logger, labelOf, toHex } from "@wattseal/base";
import { decodeEntry, decodeOrder, type OpsOutcome } from "@wattseal/energy-ledger";
import { type PackName, packName } from "@wattseal/uplink";
import type { FederationStore } from "../store/port.js";
import type { FleetPort } from "../worker/ports.js";

export interface RelayOptions {
  readonly fleet: FleetPort;
  readonly store: Pick<FederationStore, "pack" | "leaves">;
  readonly logger: Logger;
}

export interface SentOrder {
  readonly pack: LctId;
  readonly id: Uint8Array;
  /** Entries stored of the pack's log: its answer comes after them. */
  readonly from: number;
}

/** As far as the stored log says. */
export interface OrderStanding {
  /** Where to look from the next time. */
  readonly from: number;
  /** Index of its ops.command, once it is stored. */
  readonly command: number | undefined;
  readonly outcome: Pick<OpsOutcome, "outcome" | "detail"> | undefined;
  /** Reason of the last refusal that was looked at: the entry does not say of which order. */
  readonly refused: string | undefined;
}

/** Nothing was sent: the broker cannot be reached, or does not keep up. */
export class Unsendable extends Error {}

/** Entries looked at in one go. */
const LOOK = 1_024;

export class OrderRelay {
  readonly #options: RelayOptions;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Publishes an order as it was signed. Whether the pack has heard it, its log says. Throws OrderError, Unsendable. */
  async send(bytes: Uint8Array): Promise<SentOrder> {
    const { pack, id, what } = decodeOrder(bytes);
    const { fleet, store, logger } = this.#options;
    const name = nameOf(pack);
    const from = (await store.pack(name))?.size ?? 0;
    if (!fleet.publish(name, "order", bytes)) {
      const why = fleet.connected ? "does not keep up" : "is away";
      throw new Unsendable(`the broker ${why}: nothing was sent`);
    }
    logger.info("federation.order-sent", { pack: name, id: toHex(id), action: what.action });
    return { pack, id, from };
  }

  /** What the pack's stored log says of an order from entry `from` on, `command` being known already or not. */
  async standing(
    pack: LctId,
    id: Uint8Array,
    { from, command }: Pick<OrderStanding, "from" | "command">,
  ): Promise<OrderStanding> {
    const leaves = await this.#options.store.leaves(nameOf(pack), from, LOOK);
    let found = command;
    let refused: string | undefined;
    for (const [i, leaf] of leaves.entries()) {
      const entry = decodeEntry(leaf);
      if (entry.type === "ops.command" && bytesEqual(decodeOrder(entry.body.order).id, id)) {
        found = from + i;
      } else if (entry.type === "link.alarm" && entry.body.alarm === "order-refused") {
        refused = entry.body.detail;
      } else if (entry.type === "ops.outcome" && entry.body.command === found) {
        const { outcome, detail } = entry.body;
        return { from: from + i + 1, command: found, outcome: { outcome, detail }, refused };
      }
    }
    return { from: from + leaves.length, command: found, outcome: undefined, refused };
  }
}

/** Throws RangeViolation for an LCT that is no pack's. */
function nameOf(pack: LctId): PackName {
  return packName(pack.startsWith("lct:pack:") ? labelOf(pack) : "");
}
