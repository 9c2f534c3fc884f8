/** The federation's own log: every receipt that it gave. */
import { concatBytes } from "@wattseal/base";
import { leafHash, TILE_WIDTH } from "@wattseal/tlog";
import { HttpRefusal } from "../http/problem.js";
import { type QueryRoute, READS } from "./asked.js";
import { bundle, note, OCTETS, octets, TILE_SUMMARY, tileIn } from "./tiles.js";

export const RECEIPT_ROUTES: readonly QueryRoute[] = [
  {
    ...READS,
    id: "getReceiptLogCheckpoint",
    path: "/v1/receipts/checkpoint",
    summary: "Newest head of the log of all receipts that this federation gave, under its log key.",
    response: { media: ["text/plain"] },
    handle: async ({ store }) => {
      const log = await store.receiptLog();
      if (log.note === undefined) {
        throw new HttpRefusal(404, "receipt-log", "this federation's receipt log has no head");
      }
      return note(log.note);
    },
  },
  {
    ...READS,
    id: "getReceiptLogTile",
    path: "/v1/receipts/tile/{tile+}",
    summary: TILE_SUMMARY,
    response: { media: [OCTETS] },
    handle: async ({ store }, call) => {
      const { level, index, width } = tileIn(call);
      const first = index * TILE_WIDTH;
      if (level !== "entries" && level > 0) {
        const hashes = await store.receiptSubtrees(level, first, width);
        return octets(hashes.length === width ? concatBytes(...hashes) : undefined);
      }
      const records = await store.receiptRecords(first, width);
      if (level === "entries" || records.length < width) return bundle(records, width);
      return octets(concatBytes(...records.map((record) => leafHash(record))));
    },
  },
];
