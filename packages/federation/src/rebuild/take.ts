/**
 * A store filled from copies of logs. What a copy has goes to the worker as its pack's gateway would send it, so nothing is
 * believed of it that would not be believed of a pack: every entry is verified, committed and receipted as ever.
 */
import { silentLogger } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { encodeResponse, type PackName, type ResponseSource, takeResponse } from "@wattseal/uplink";
import { evidenceIn } from "../worker/authenticity.js";
import type { IngestChannel } from "../worker/ports.js";
import { FederationWorker, type WorkerOptions } from "../worker/worker.js";

/** Opened, and verified as far as opening does. */
export interface TakenLog {
  readonly pack: PackName;
  /** The lowest entry that it has. */
  readonly firstEntry: number;
  readonly log: ResponseSource;
  /** Its last signed head, under the pack's signature alone. */
  readonly note: string;
  readonly progress?: (entries: number, of: number) => void;
}

/** As the fleet's worker has them. */
export type TakeOptions = Pick<
  WorkerOptions,
  | "store"
  | "witness"
  | "nextWitness"
  | "receiptLog"
  | "nextReceiptLog"
  | "authorityKeys"
  | "statements"
  | "clock"
>;

export interface Taken {
  readonly pack: PackName;
  /** Entries stored before, and now. */
  readonly from: number;
  readonly to: number;
  /** Of the copy. */
  readonly size: number;
  /** Why the rest of it was not taken: a refusal's code, or `pruned` where the copy begins above what is stored. */
  readonly refused: string | undefined;
}

/** Takes what a copy has beyond what is stored. Throws what the store throws. */
export async function takeLog(options: TakeOptions, copy: TakenLog): Promise<Taken> {
  const { store } = options;
  const { pack, firstEntry, log, note, progress } = copy;
  const { size } = unverifiedCheckpoint(note);
  const stored = async () => (await store.pack(pack))?.size ?? 0;
  const from = await stored();
  const taken = (to: number, refused?: string) => ({ pack, from, to, size, refused });
  if (from < firstEntry) return taken(from, "pruned");
  const worker = await FederationWorker.start({
    ...options,
    logger: silentLogger,
    groupMs: 0,
    publish: () => {},
  });
  try {
    const evidence = lastEvidence(copy, size);
    for (let at = from; at < size; ) {
      if (evidence !== undefined) await delivered(worker, pack, "epoch", evidence);
      const effect = {
        kind: "response",
        id: 0,
        from: at,
        checkpoint: { size, note, bytes: 0 },
      } as const;
      await delivered(worker, pack, "response", encodeResponse(takeResponse(log, effect)));
      const now = await stored();
      if (now <= at) {
        const [code] = Object.keys(worker.stats.refused);
        return taken(now, code ?? "unknown");
      }
      at = now;
      progress?.(at, size);
    }
    return taken(await stored());
  } finally {
    await worker.stop();
  }
}

function delivered(
  worker: FederationWorker,
  pack: PackName,
  channel: IngestChannel,
  payload: Uint8Array,
): Promise<void> {
  return new Promise((resolve) => {
    worker.deliver({ pack, channel, payload, settle: () => resolve() });
  });
}

/** Of the epoch that signed the head: the worker has to know its key before it comes to its entry. */
function lastEvidence({ log, firstEntry }: TakenLog, size: number): Uint8Array | undefined {
  for (let index = size - 1; index >= firstEntry; index -= 1) {
    const evidence = evidenceIn(log.entry(index));
    if (evidence !== undefined) return evidence;
  }
  return undefined;
}
