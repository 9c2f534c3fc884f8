/** What the query API serves: one table, which the server follows and the description is made of. */
import { printable, toBase64 } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { packName } from "@wattseal/uplink";
import { z } from "zod";
import { HttpRefusal } from "../http/problem.js";
import { type Call, CBOR, json, type Route } from "../http/route.js";
import type { FederationStore, StoredPack } from "../store/port.js";
import type { FederationStats } from "../worker/stats.js";
import type { Metrics } from "./metrics.js";
import * as form from "./schemas.js";

export interface Queried {
  readonly store: FederationStore;
  readonly fleet: string;
  /** C2SP vkey text. */
  readonly witness: string;
  readonly stats: () => FederationStats;
  readonly metrics: Metrics;
}

type QueryRoute = Route<Queried>;

/** A page ends with the entry that takes it beyond this. */
const PAGE_BYTES = 1_048_576;

const READS = { method: "GET", audience: "anyone", needsToken: true, status: 200 } as const;

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
    handle: async ({ fleet, witness, stats }) => {
      const { packs, entries, modulesTwice, latest } = stats();
      let witnessed = 0;
      for (const one of latest.values()) witnessed += one.witnessed;
      return json({ fleet, witness, packs, entries, witnessed, modulesTwice });
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
    summary: "One pack's stored log.",
    response: form.packLine,
    handle: async ({ store }, call) => json(lineOf(await storedPack(store, call))),
  },
  {
    ...READS,
    id: "listEntries",
    path: "/v1/packs/{pack}/entries",
    summary: "Entries in their order, decoded and as signed.",
    query: form.entriesQuery,
    response: form.entries,
    handle: async ({ store }, call) => {
      const { from, limit } = asked(form.entriesQuery, call);
      const { pack, size } = await storedPack(store, call);
      const leaves = page(await store.leaves(pack, from, limit));
      const next = from + leaves.length;
      const entries = leaves.map((leaf, i) => entryReply(from + i, leaf));
      return json({ pack, entries, ...(next < size && leaves.length > 0 ? { next } : {}) });
    },
  },
  {
    ...READS,
    id: "getEntry",
    path: "/v1/packs/{pack}/entries/{index}",
    summary: "One entry's bytes, as signed.",
    response: "cbor",
    handle: async ({ store }, call) => {
      const { pack } = await storedPack(store, call);
      const index = indexIn(call);
      const [leaf] = await store.leaves(pack, index, 1);
      if (leaf === undefined) throw new HttpRefusal(404, "entry", `${pack} has no entry ${index}`);
      return { status: 200, type: CBOR, body: leaf };
    },
  },
  {
    ...READS,
    id: "listReceipts",
    path: "/v1/packs/{pack}/receipts",
    summary: "The latest receipt: the pack's signed head with this federation's cosignature.",
    response: form.receipts,
    handle: async ({ store }, call) => {
      const { pack, receipt } = await storedPack(store, call);
      return json({ pack, receipts: receipt === undefined ? [] : [receipt] });
    },
  },
];

/** The values of a query string. Throws ZodError, also for a name that is none of them. */
function asked<T extends z.ZodRawShape>(shape: T, { query }: Call): z.infer<z.ZodObject<T>> {
  return z.strictObject(shape).parse(Object.fromEntries(query));
}

async function storedPack(store: FederationStore, { parameters }: Call): Promise<StoredPack> {
  const given = parameters.get("pack") ?? "";
  const stored = form.packText.safeParse(given).success
    ? await store.pack(packName(given))
    : undefined;
  if (stored !== undefined) return stored;
  throw new HttpRefusal(404, "pack", "no log of that pack is stored here");
}

function indexIn({ parameters }: Call): number {
  const given = parameters.get("index") ?? "";
  const index = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(index)) return index;
  throw new HttpRefusal(404, "entry", "an entry is named by its index");
}

function lineOf({ pack, size, receipt }: StoredPack): z.infer<typeof form.packLine> {
  return { pack, entries: size, witnessed: receipt?.size ?? 0 };
}

function entryReply(index: number, leaf: Uint8Array): z.infer<typeof form.entry> {
  const { type, timeMs, body } = decodeEntry(leaf);
  return { index, type, time: timeMs, body: printable(body), leaf: toBase64(leaf) };
}

/** The first ones that fit, and one at least. */
function page(leaves: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  const end = leaves.findIndex((leaf) => {
    bytes += leaf.length;
    return bytes > PAGE_BYTES;
  });
  return end < 0 ? leaves : leaves.slice(0, end + 1);
}
