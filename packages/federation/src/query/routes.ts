/** What the query API serves: one table, which the server follows and the description is made of. */
import { z } from "zod";
import { json } from "../http/route.js";
import { asked, lineOf, type QueryRoute, READS, storedFold, storedPack } from "./asked.js";
import { fleetSums } from "./fleet.js";
import { LOG_ROUTES } from "./routes-log.js";
import { RECEIPT_ROUTES } from "./routes-receipts.js";
import { SUM_ROUTES } from "./routes-sums.js";
import * as form from "./schemas.js";

export const ROUTES: readonly QueryRoute[] = [
  {
    ...READS,
    id: "health",
    path: "/v1/healthz",
    summary: "Whether it answers.",
    needsToken: false,
    response: z.object({ status: z.literal("ok") }),
    handle: async () => json({ status: "ok" }),
  },
  {
    ...READS,
    id: "metrics",
    path: "/metrics",
    summary: "What this worker counts, for Prometheus.",
    response: { media: ["text/plain"] },
    handle: async ({ metrics }) => {
      const body = Buffer.from(await metrics.text());
      return { status: 200, type: metrics.contentType, body };
    },
  },
  {
    ...READS,
    id: "getFleet",
    path: "/v1/fleet",
    summary: "The fleet's sums.",
    response: form.fleet,
    handle: async ({ store, fleet, witness, nextWitness, receiptLog, nextReceiptLog }) => {
      const keys = {
        witness,
        ...(nextWitness && { nextWitness }),
        ...(receiptLog && { receiptLog }),
        ...(nextReceiptLog && { nextReceiptLog }),
      };
      return json({ fleet, ...keys, ...(await fleetSums(store)) });
    },
  },
  {
    ...READS,
    id: "listPacks",
    path: "/v1/packs",
    summary: "Packs in the order of their names.",
    query: form.packsQuery,
    response: form.packs,
    handle: async ({ store }, call) => {
      const { after, limit } = asked(form.packsQuery, call);
      const packs = await store.packsAfter(after, limit);
      const next = packs.length < limit ? undefined : packs.at(-1)?.pack;
      return json({ packs: packs.map(lineOf), ...(next === undefined ? {} : { next }) });
    },
  },
  {
    ...READS,
    id: "getPack",
    path: "/v1/packs/{pack}",
    summary: "One pack: its stored log, its society's accounts, its epochs and alarms.",
    response: form.packView,
    handle: async ({ store }, call) => {
      const pack = await storedPack(store, call);
      const { size, summary } = await storedFold(store, pack);
      return json({ ...lineOf(pack), summed: size, ...(summary && { summary }) });
    },
  },
  ...LOG_ROUTES,
  ...RECEIPT_ROUTES,
  ...SUM_ROUTES,
];
