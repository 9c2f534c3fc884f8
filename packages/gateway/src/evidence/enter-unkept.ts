import type { LogWriter } from "../ledger/log-writer.js";
import type { EvidenceStore } from "./store.js";
import type { Why } from "./unkept.js";

const DETAIL: Readonly<Record<Why, string>> = {
  "disk-pressure": "readings that were not kept",
  "disk-slow": "readings for which the disk was too slow",
  "disk-failed": "readings that were not kept; the next start tries again",
};

/** Enters which readings were not kept, in turn. `all`: also of what goes on. */
export function enterUnkept(
  evidence: Pick<EvidenceStore, "unkept"> | undefined,
  writer: Pick<LogWriter, "inTurn" | "lost">,
  all = false,
): void {
  if (evidence === undefined) return;
  // Asked for only in its turn: what is let go before that is told later.
  writer.inTurn(() => {
    for (const { why, from, until } of evidence.unkept(all)) {
      writer.lost({ what: "evidence", from, until, reason: why, detail: DETAIL[why] });
    }
  });
}
