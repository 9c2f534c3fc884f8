import { resolve } from "node:path";
import { TlogError } from "@wattseal/tlog";
import { type Repaired, repairLog } from "@wattseal/tlog/store";
import { CliError, EXIT } from "../errors.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { count } from "../view/units.js";

export interface RepairCommandOptions {
  readonly state?: string;
  readonly log?: string;
  /** A folder of the same log. */
  readonly from: string;
  readonly json: boolean;
}

function logOf({ state, log }: RepairCommandOptions): string {
  if (log !== undefined) return resolve(log);
  if (state !== undefined) return layoutOf(resolve(state)).gateway.log;
  throw new CliError("usage", "name what to repair: --state <dir> or --log <path>");
}

/** `wattseal ledger repair`: for a gateway that does not run. Where the copy does not help, the answer is no. */
export async function repairCommand(options: RepairCommandOptions): Promise<number> {
  const log = logOf(options);
  const from = resolve(options.from);
  let repaired: Repaired;
  try {
    repaired = await repairLog({ directory: log, copy: from });
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "unmended") throw error;
    const problem = error.message;
    const said = { log, from, mended: [], problem };
    await writeOut(options.json ? `${JSON.stringify(said)}\n` : `${problem}\n`);
    return EXIT.failed;
  }
  await writeOut(
    options.json ? `${JSON.stringify(jsonOf(log, from, repaired))}\n` : textOf(log, repaired),
  );
  return EXIT.ok;
}

function jsonOf(log: string, from: string, { log: opened, mended, damaged }: Repaired) {
  const { firstEntry, durableSize: size, head } = opened;
  return { log, from, mended, damaged, firstEntry, size, signed: head?.checkpoint.size ?? 0 };
}

function textOf(directory: string, { log, mended, damaged }: Repaired): string {
  const lines = mended.map(({ path, what }) => `${path}: ${what}\n`).join("");
  const kept = damaged === undefined ? "" : `; what was replaced is in ${damaged}`;
  const done =
    mended.length === 0 ? "nothing was damaged" : `${count(mended.length)} mended${kept}`;
  const signed = count(log.head?.checkpoint.size ?? 0);
  const holds = `entries ${log.firstEntry} to ${log.durableSize - 1} (${signed} under the signed head), verified`;
  return `${lines}${directory}: ${done}: ${holds}\n`;
}
