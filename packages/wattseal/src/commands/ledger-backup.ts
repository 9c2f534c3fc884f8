import { resolve } from "node:path";
import { backupLog } from "@wattseal/tlog/store";
import { CliError, EXIT } from "../errors.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count } from "../view/units.js";

export interface BackupOptions {
  readonly state?: string;
  readonly log?: string;
  readonly json: boolean;
}

function logOf({ state, log }: BackupOptions): string {
  if (log !== undefined) return resolve(log);
  if (state !== undefined) return layoutOf(resolve(state)).gateway.log;
  throw new CliError("usage", "name what to copy: --state <dir> or --log <path>");
}

/** `wattseal ledger backup`: a gateway may be writing to the log. */
export async function backupCommand(directory: string, options: BackupOptions): Promise<number> {
  const source = logOf(options);
  const destination = resolve(directory);
  const copy = await withProgress("entries", (progress) =>
    backupLog({ source, destination, progress }),
  );
  const { firstEntry, durableSize: size, head } = copy;
  const signed = head?.checkpoint.size ?? 0;
  await writeOut(
    options.json
      ? `${JSON.stringify({ log: source, backup: destination, firstEntry, size, signed })}\n`
      : `${destination}: entries ${firstEntry} to ${size - 1} (${count(signed)} under the signed head), copied and read back\n`,
  );
  return EXIT.ok;
}
