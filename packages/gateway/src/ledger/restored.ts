/** What `wattseal ledger restore` leaves beside a log that it had back: the next epoch enters it, so that the log itself says so. */
import type { EntryBody } from "@wattseal/energy-ledger";
import type { LogStore } from "@wattseal/tlog/store";
import type { Draft } from "./energy-log-options.js";

export type Restored = EntryBody<"ops.restored">;

/** Of a file in the log's folder. */
export const RESTORED_NOTE = "restored";
const FORM = /^([1-9]\d{0,14}) (state|counter|word) (federation|backup)\n$/;

/** What the file says. */
export function restoredNote({ size, footing, source }: Restored): string {
  return `${size} ${footing} ${source}\n`;
}

/** A crash in between enters it twice, which says the same. */
export async function enterRestored(log: {
  readonly store: LogStore;
  append(draft: Draft): Promise<number>;
}): Promise<void> {
  const { store } = log;
  const [, size, footing, source] = FORM.exec(store.readDocument(RESTORED_NOTE) ?? "") ?? [];
  if (footing === undefined || source === undefined || Number(size) > store.durableSize) return;
  await log.append({
    type: "ops.restored",
    body: { size: Number(size), footing: footingOf(footing), source: sourceOf(source) },
  });
  await store.removeDocument(RESTORED_NOTE);
}

function footingOf(text: string): Restored["footing"] {
  return text === "state" || text === "counter" ? text : "word";
}

function sourceOf(text: string): Restored["source"] {
  return text === "backup" ? text : "federation";
}
