import { messageOf } from "@wattseal/base";
import { decodeEntry, ENTRY_TYPES, type Entry } from "@wattseal/energy-ledger";
import { followEpochs } from "../audit/epochs.js";
import { openLog } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { type EpochWorth, entryJson, entryLine, entryText } from "../view/entry.js";
import { writeOut } from "../view/output.js";

/** The index of an entry, as typed. */
export function parseIndex(text: string, size: number): number {
  const index = Number(text);
  if (Number.isSafeInteger(index) && index >= 0 && index < size) return index;
  throw new CliError("usage", `"${text}" is no entry of this log, which holds 0 to ${size - 1}`);
}

/** `wattseal ledger list`. */
export async function listCommand(
  path: string,
  options: { readonly type?: string; readonly from?: string; readonly json: boolean },
): Promise<number> {
  const { type } = options;
  if (type !== undefined && !ENTRY_TYPES.some((known) => known === type)) {
    throw new CliError("usage", `"${type}" is no entry type. Known: ${ENTRY_TYPES.join(", ")}`);
  }
  const log = await openLog(path);
  const { isTTY, columns } = process.stdout;
  const width = isTTY ? columns : Number.POSITIVE_INFINITY;
  const from = parseIndex(options.from ?? `${log.firstEntry}`, log.durableSize);
  for (let index = from; index < log.durableSize; index += 1) {
    const entry: Entry = decodeEntry(log.entry(index));
    if (type === undefined || entry.type === type) {
      await writeOut(
        `${options.json ? entryJson(index, entry) : entryLine(index, entry, width)}\n`,
      );
    }
  }
  return EXIT.ok;
}

/** `wattseal ledger show`. */
export async function showCommand(
  path: string,
  entry: string,
  options: { readonly json: boolean },
): Promise<number> {
  const log = await openLog(path);
  const index = parseIndex(entry, log.durableSize);
  const decoded = decodeEntry(log.entry(index));
  const worth = decoded.type === "epoch.begin" ? worthOf(log, index) : undefined;
  await writeOut(
    options.json ? `${entryJson(index, decoded, worth)}\n` : entryText(index, decoded, worth),
  );
  return EXIT.ok;
}

/** What the epoch is worth that begins at this entry. */
function worthOf(log: Awaited<ReturnType<typeof openLog>>, index: number): EpochWorth {
  try {
    const { epochs } = followEpochs(log, { until: index + 1 });
    const state = epochs.find(({ treeSize }) => treeSize === index)?.state;
    return { state: state ?? "before the log's first snapshot" };
  } catch (error) {
    return { state: `refused: ${messageOf(error)}` };
  }
}
