/** What is made of entries: energy, alarms, and where to find what. */
import { packName } from "@wattseal/uplink";
import { SPANS } from "../folds/growth.js";
import type { MarksQuery, Place } from "../folds/port.js";
import { HttpRefusal } from "../http/problem.js";
import { type Call, json, type Reply } from "../http/route.js";
import type { FederationStore, StoredPack } from "../store/port.js";
import { asked, entryReply, type QueryRoute, READS, storedFold, storedPack } from "./asked.js";
import * as form from "./schemas.js";
import { newest, search } from "./search.js";

export const SUM_ROUTES: readonly QueryRoute[] = [
  {
    ...READS,
    id: "getFleetEnergy",
    path: "/v1/energy",
    summary: "Energy in and out of all packs by UTC hour or day, by what it was recorded as.",
    query: form.energyQuery,
    response: form.energy,
    handle: ({ store }, call) => energyReply(store, undefined, call),
  },
  {
    ...READS,
    id: "getEnergy",
    path: "/v1/packs/{pack}/energy",
    summary: "Energy in and out of one pack by UTC hour or day, by what it was recorded as.",
    query: form.energyQuery,
    response: form.energy,
    handle: async ({ store }, call) => energyReply(store, await storedPack(store, call), call),
  },
  {
    ...READS,
    id: "listAlarms",
    path: "/v1/packs/{pack}/alarms",
    summary: "Alarms in a pack's log: how often each was seen, and the newest.",
    query: form.alarmsQuery,
    response: form.alarms,
    handle: async ({ store }, call) => {
      const { limit } = asked(form.alarmsQuery, call);
      const stored = await storedPack(store, call);
      const { pack } = stored;
      const { summary } = await storedFold(store, stored);
      const found = await newest(store, { pack, key: "link.alarm", limit });
      const entries = found.map(({ index, leaf }) => entryReply(index, leaf));
      return json({ pack, counts: summary?.alarms ?? {}, newest: entries });
    },
  },
  {
    ...READS,
    id: "search",
    path: "/v1/search",
    summary: "Entries by type, module and time, over an index; type or module has to be given.",
    query: form.searchQuery,
    response: form.searched,
    handle: async ({ store }, call) => {
      const { type, module, pack, after, from, to, limit } = asked(form.searchQuery, call);
      const { found, next } = await search(store, {
        keys: keysOf(type, module),
        pack: pack === undefined ? undefined : packName(pack),
        start: after === undefined ? undefined : placeOf(after),
        from,
        to: to ?? Number.MAX_SAFE_INTEGER,
        limit,
      });
      const entries = found.map((it) => ({ pack: it.pack, ...entryReply(it.index, it.leaf) }));
      return json({ entries, ...(next && { next: `${next.pack}:${next.index}` }) });
    },
  },
];

async function energyReply(
  store: FederationStore,
  pack: StoredPack | undefined,
  call: Call,
): Promise<Reply> {
  const { from, to, by } = asked(form.energyQuery, call);
  const most = from + form.MOST_SUMS * SPANS[by];
  const end = Math.min(to ?? most, most);
  const sums = await store.energy({ pack: pack?.pack, span: by, from, to: end });
  return json({ by, sums: sums.map(({ start, energy }) => ({ start, ...energy })) });
}

/** The module first: it is the rarer. */
function keysOf(type: string | undefined, module: string | undefined): MarksQuery["keys"] {
  if (module !== undefined) return type === undefined ? [module] : [module, type];
  if (type !== undefined) return [type];
  throw new HttpRefusal(400, "malformed", "a search needs a type or a module");
}

function placeOf(after: string): Place {
  const [pack = "", index = ""] = after.split(":");
  return { pack: packName(pack), index: Math.min(Number(index), Number.MAX_SAFE_INTEGER) };
}
