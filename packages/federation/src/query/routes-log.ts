/** Logs as they were signed: entries, proofs, tiles, receipts. */

import { concatBytes } from "@wattseal/base";
import { TILE_WIDTH, unverifiedCheckpoint } from "@wattseal/tlog";
import { packName } from "@wattseal/uplink";
import { encodeProofFile } from "@wattseal/verifier";
import { HttpRefusal } from "../http/problem.js";
import { CBOR, json } from "../http/route.js";
import {
  asked,
  entryReply,
  indexIn,
  page,
  type QueryRoute,
  READS,
  storedFold,
  storedPack,
} from "./asked.js";
import * as form from "./schemas.js";
import { bundle, note, OCTETS, octets, TILE_SUMMARY, tileIn } from "./tiles.js";
import { StoredTree } from "./tree.js";

export const LOG_ROUTES: readonly QueryRoute[] = [
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
    id: "proveEntry",
    path: "/v1/packs/{pack}/entries/{index}/proof",
    summary:
      "One file that proves an entry offline under the latest receipt, as wattseal verify takes it.",
    response: "cbor",
    handle: async ({ store }, call) => {
      const stored = await storedPack(store, call);
      const { pack, receipt } = stored;
      const index = indexIn(call);
      if (receipt === undefined || index >= receipt.size) {
        throw new HttpRefusal(404, "entry", `no receipt covers entry ${index} of ${pack}`);
      }
      if ((await storedFold(store, stored)).size < unverifiedCheckpoint(receipt.text).size) {
        throw new HttpRefusal(503, "folds", "the log's hashes are being made again: ask later");
      }
      const proof = await new StoredTree(store, pack).prove(index, receipt.text);
      const headers = { "content-disposition": `attachment; filename="entry-${index}.proof"` };
      return { status: 200, type: CBOR, body: encodeProofFile(proof), headers };
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
  {
    ...READS,
    id: "getCheckpoint",
    path: "/v1/packs/{pack}/checkpoint",
    summary: "The same as a C2SP signed note: what the tiles beside it are the tree of.",
    response: { media: ["text/plain"] },
    handle: async ({ store }, call) => {
      const { pack, receipt } = await storedPack(store, call);
      if (receipt === undefined)
        throw new HttpRefusal(404, "receipt", `${pack} has no receipt yet`);
      return note(receipt.text);
    },
  },
  {
    ...READS,
    id: "getMissing",
    path: "/v1/packs/{pack}/missing",
    summary:
      "This federation's signed statement of entries that it lost and that nobody has, as wattseal verify takes it.",
    response: { media: ["text/plain"] },
    handle: async ({ missing }, call) => {
      const given = call.parameters.get("pack") ?? "";
      const known = form.packText.safeParse(given).success;
      const said = known ? await missing(packName(given)) : undefined;
      if (said === undefined) {
        throw new HttpRefusal(404, "missing", "nothing of that log is known to be missing");
      }
      return note(said);
    },
  },
  {
    ...READS,
    id: "getTile",
    path: "/v1/packs/{pack}/tile/{tile+}",
    summary: TILE_SUMMARY,
    response: { media: [OCTETS] },
    handle: async ({ store }, call) => {
      const { pack } = await storedPack(store, call);
      const { level, index, width } = tileIn(call);
      const first = index * TILE_WIDTH;
      if (level === "entries") return bundle(await store.leaves(pack, first, width), width);
      const hashes = await new StoredTree(store, pack).tile(level, index, width);
      return octets(hashes && concatBytes(...hashes));
    },
  },
];
