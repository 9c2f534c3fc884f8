import { messageOf } from "@wattseal/base";
import { verifyCheckpoint } from "@wattseal/tlog";
import type { LogStore } from "@wattseal/tlog/store";
import { LogReplay } from "@wattseal/verifier";
import { GatewayError } from "../errors.js";
import type { EnergyLogOptions } from "./energy-log-options.js";
import type { SnapshotFiles } from "./snapshots.js";

type Options = Pick<EnergyLogOptions, "directory" | "document" | "trust" | "logger">;

/**
 * The replay of every stored entry: from the last snapshot that holds, else from entry 0. Throws what the fold or
 * the epoch chain found, naming the entry; GatewayError `other-pack`, `head`, and `pruned` where nothing says what
 * was before the first entry.
 */
export function replayStored(
  store: LogStore,
  snapshots: SnapshotFiles,
  options: Options,
): LogReplay {
  const { directory, logger, trust } = options;
  const goOn = (replay: LogReplay) => {
    const from = replay.size;
    for (let index = from; index < store.size; index += 1) {
      replay.append(store.entry(index), store.leafHash(index));
    }
    requireOurs(replay, options);
    requireHead(replay, store, options);
    logger.info("ledger.replayed", { from, to: replay.size });
  };
  const resumed = snapshots.newest(trust, goOn);
  if (resumed !== undefined) return resumed;
  if (store.firstEntry > 0) {
    throw new GatewayError(
      "pruned",
      "input",
      `The log in ${directory} begins at entry ${store.firstEntry}, and no snapshot beside it says what was before. Put back the snapshot files of a backup, or restore the log from the federation's copy.`,
    );
  }
  const replay = new LogReplay(trust);
  goOn(replay);
  return replay;
}

function requireOurs({ fold }: LogReplay, { directory, document: { lct } }: Options): void {
  if (fold.lct === undefined || fold.lct === lct) return;
  throw new GatewayError(
    "other-pack",
    "usage",
    `The log in ${directory} is that of ${fold.lct}, not of ${lct}. Use the folder of this pack, or an empty one.`,
  );
}

/** The last signed head must be this log's own word: delivery and signer build on it. */
function requireHead(
  replay: LogReplay,
  { head }: LogStore,
  { directory, document: { origin } }: Options,
): void {
  if (head === undefined) return;
  const publicKey = replay.keyAt(head.checkpoint.size);
  try {
    if (publicKey === undefined) throw new Error("no epoch signs so small a log");
    verifyCheckpoint(head.note, { name: origin, publicKey });
  } catch (cause) {
    throw new GatewayError(
      "head",
      "input",
      `${directory}/checkpoint: ${messageOf(cause)}. The last signed head is damaged: restore it from the federation's copy (its last receipt holds the same note).`,
      { cause },
    );
  }
}
