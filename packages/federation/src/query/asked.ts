/** What a call names, and what is answered again and again. */
import { printable, toBase64 } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { type PackName, packName } from "@wattseal/uplink";
import { z } from "zod";
import type { StoredFold } from "../folds/port.js";
import { HttpRefusal } from "../http/problem.js";
import type { Call, Route } from "../http/route.js";
import type { FederationStore, StoredPack } from "../store/port.js";
import type { FederationStats } from "../worker/stats.js";
import type { Metrics } from "./metrics.js";
import * as form from "./schemas.js";

export interface Queried {
  readonly store: FederationStore;
  readonly fleet: string;
  /** C2SP vkey text. */
  readonly witness: string;
  /** C2SP vkey text of the receipt log; undefined where nobody signs it. */
  readonly receiptLog?: string | undefined;
  readonly nextReceiptLog?: string | undefined;
  readonly nextWitness?: string | undefined;
  readonly stats: () => FederationStats;
  readonly metrics: Metrics;
  /** The signed statement of entries that were lost for good; undefined where none were. */
  readonly missing: (pack: PackName) => Promise<string | undefined>;
}

export type QueryRoute = Route<Queried>;

export const READS = { method: "GET", audience: "anyone", needsToken: true, status: 200 } as const;

/** A page ends with the entry that takes it beyond this. */
const PAGE_BYTES = 1_048_576;

/** The values of a query string. Throws ZodError, also for a name that is none of them. */
export function asked<T extends z.ZodRawShape>(shape: T, { query }: Call): z.infer<z.ZodObject<T>> {
  return z.strictObject(shape).parse(Object.fromEntries(query));
}

export async function storedPack(
  store: FederationStore,
  { parameters }: Call,
): Promise<StoredPack> {
  const given = parameters.get("pack") ?? "";
  const stored = form.packText.safeParse(given).success
    ? await store.pack(packName(given))
    : undefined;
  if (stored !== undefined) return stored;
  throw new HttpRefusal(404, "pack", "no log of that pack is stored here");
}

export function indexIn({ parameters }: Call): number {
  const given = parameters.get("index") ?? "";
  const index = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(index)) return index;
  throw new HttpRefusal(404, "entry", "an entry is named by its index");
}

export function lineOf({ pack, size, receipt }: StoredPack): z.infer<typeof form.packLine> {
  return { pack, entries: size, witnessed: receipt?.size ?? 0 };
}

export function entryReply(index: number, leaf: Uint8Array): z.infer<typeof form.entry> {
  const { type, timeMs, body } = decodeEntry(leaf);
  return { index, type, time: timeMs, body: printable(body), leaf: toBase64(leaf) };
}

/** The first ones that fit, and one at least. */
export function page(leaves: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  const end = leaves.findIndex((leaf) => {
    bytes += leaf.length;
    return bytes > PAGE_BYTES;
  });
  return end < 0 ? leaves : leaves.slice(0, end + 1);
}

/** Of a pack that is stored. */
export async function storedFold(
  store: FederationStore,
  { pack }: StoredPack,
): Promise<StoredFold> {
  return (await store.fold(pack)) ?? { pack, version: 0, size: 0, summary: undefined };
}
