import { resolve } from "node:path";
import { millis } from "@wattseal/base";
import { type Pruned, pruneLog } from "@wattseal/gateway";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { decodeTrust } from "@wattseal/verifier";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { EXIT } from "../errors.js";
import { pinoLogger } from "../ports/system.js";
import { witnessesIn } from "../roles/witnesses.js";
import { readRequired } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { parseTime } from "./ledger-export.js";

export interface PruneCommandOptions {
  readonly state: string;
  /** An entry's index, or a time. */
  readonly before: string;
  readonly json: boolean;
}

/** `wattseal ledger prune`: for a gateway that does not run. */
export async function pruneCommand(options: PruneCommandOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const { gateway } = layout;
  const config = await loadConfig({
    schema: gatewaySchema,
    path: gateway.config,
    environment: process.env,
    flags: {},
  });
  const trust = decodeTrust(await readRequired(gateway.trust));
  const authorities = trust.authorities.map(({ publicKey }) => publicKey);
  const pruned = await pruneLog({
    directory: gateway.log,
    document: verifyLctDocument(await readRequired(gateway.document), authorities),
    trust,
    ...witnessesIn(trust, layout, config),
    before: beforeIn(options.before),
    logger: pinoLogger("prune", "warn", process.stderr),
  });
  await writeOut(options.json ? `${JSON.stringify(pruned)}\n` : textOf(pruned));
  return EXIT.ok;
}

function beforeIn(text: string) {
  return /^\d{1,15}$/.test(text) ? { entry: Number(text) } : { time: millis(parseTime(text)) };
}

function textOf({ from, firstEntry, snapshot, size }: Pruned): string {
  const went =
    from === firstEntry
      ? "nothing more was there to remove"
      : `entries ${from} to ${firstEntry - 1} are removed`;
  const left = `the log holds entries ${firstEntry} to ${size - 1}, and entry ${snapshot} vouches for what was before it`;
  return `${went}: ${left}\n`;
}
