/** A federation's signed statements of what it has lost for good: a file a pack, beside its configuration. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { millis, originOf } from "@wattseal/base";
import type { Gap } from "@wattseal/federation";
import type { NoteSigner } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { signMissing } from "@wattseal/verifier";
import { systemClock } from "../ports/system.js";
import { exists, makeFolder, writeWhole } from "../state/files.js";
import type { Layout } from "../state/layout.js";

function fileOf({ federation }: Layout, pack: PackName): string {
  return join(federation.missing, `${pack}.note`);
}

/** The statement; undefined where nothing is missing of that pack. */
export async function missingOf(layout: Layout, pack: PackName): Promise<string | undefined> {
  const path = fileOf(layout, pack);
  return (await exists(path)) ? readFile(path, "utf8") : undefined;
}

/** Says so, or takes it back where a copy has brought what was missing. */
export async function keepMissing(
  layout: Layout,
  pack: PackName,
  gap: Gap | undefined,
  witness: NoteSigner,
): Promise<void> {
  const path = fileOf(layout, pack);
  if (gap === undefined) return rm(path, { force: true });
  await makeFolder(layout.federation.missing);
  const time = millis(systemClock().now());
  await writeWhole(path, signMissing({ origin: originOf(pack), ...gap, time }, witness), 0o644);
}
