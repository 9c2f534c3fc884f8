/** Sums over the packs' folds: a row a pack, whatever their logs' length. */

import type { z } from "zod";
import { addedUp, type FoldSummary } from "../folds/growth.js";
import type { FederationStore } from "../store/port.js";
import type * as form from "./schemas.js";

type FleetSums = Omit<
  z.infer<typeof form.fleet>,
  "fleet" | "witness" | "nextWitness" | "receiptLog" | "nextReceiptLog"
>;

const PAGE = 500;

export async function fleetSums(store: FederationStore): Promise<FleetSums> {
  const sums = { packs: 0, entries: 0, witnessed: 0, summed: 0 };
  let society = NO_ACCOUNTS;
  const epochs = new Map<string, number>();
  const alarms = new Map<string, number>();
  for (let after = ""; ; ) {
    const packs = await store.packsAfter(after, PAGE);
    for (const { size, receipt } of packs) {
      sums.packs += 1;
      sums.entries += size;
      sums.witnessed += receipt?.size ?? 0;
    }
    for (const { size, summary } of await store.foldsAfter(after, packs.length)) {
      sums.summed += size;
      if (summary === undefined) continue;
      society = accountsPlus(society, summary.society);
      count(epochs, summary.epochs);
      count(alarms, summary.alarms);
    }
    const last = packs.at(-1);
    if (last === undefined || packs.length < PAGE) break;
    after = last.pack;
  }
  const modulesTwice = (await store.modulesTwice("all")).length;
  const counts = { epochs: Object.fromEntries(epochs), alarms: Object.fromEntries(alarms) };
  return { ...sums, society, ...counts, modulesTwice };
}

type Accounts = FoldSummary["society"];

const NO_ACCOUNTS: Accounts = {
  supply: 0,
  atp: 0,
  reserved: 0,
  adp: 0,
  eligible: 0,
  withheld: 0,
  unclaimed: 0,
  deficit: 0,
  opening: 0,
  net: 0,
  recordedLoss: 0,
  claims: 0,
  conversionLoss: 0,
  wasted: 0,
};

function accountsPlus(a: Accounts, b: Accounts): Accounts {
  return {
    supply: addedUp(a.supply, b.supply),
    atp: addedUp(a.atp, b.atp),
    reserved: addedUp(a.reserved, b.reserved),
    adp: addedUp(a.adp, b.adp),
    eligible: addedUp(a.eligible, b.eligible),
    withheld: addedUp(a.withheld, b.withheld),
    unclaimed: addedUp(a.unclaimed, b.unclaimed),
    deficit: addedUp(a.deficit, b.deficit),
    opening: addedUp(a.opening, b.opening),
    net: addedUp(a.net, b.net),
    recordedLoss: addedUp(a.recordedLoss, b.recordedLoss),
    claims: addedUp(a.claims, b.claims),
    conversionLoss: addedUp(a.conversionLoss, b.conversionLoss),
    wasted: addedUp(a.wasted, b.wasted),
  };
}

function count(
  counts: Map<string, number>,
  more: Readonly<Record<string, number | undefined>>,
): void {
  for (const [name, added] of Object.entries(more)) {
    counts.set(name, addedUp(counts.get(name) ?? 0, added ?? 0));
  }
}
