/** A federation's signed statements of what it has lost for good: a file a pack, beside its configuration. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { millis, originOf, utf8 } from "@wattseal/base";
import type { Gap, SaidGap } from "@wattseal/federation";
import type { NoteSigner } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import { signMissing, verifyMissing } from "@wattseal/verifier";
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

/** Packs of which something was said to be missing. */
export async function packsWithMissing({ federation }: Layout): Promise<readonly PackName[]> {
  if (!(await exists(federation.missing))) return [];
  const names = (await readdir(federation.missing)).filter((name) => name.endsWith(".note"));
  return names.map((name) => packName(name.slice(0, -".note".length)));
}

/**
 * What is missing of a log that is stored up to `size`; `seen`: what its gateway said now, where it was asked. Nothing is
 * taken from an answer that anybody may have given: who can publish in a pack's name could have anything signed here.
 */
export async function missingNow(
  layout: Layout,
  {
    pack,
    size,
    seen,
  }: { readonly pack: PackName; readonly size: number; readonly seen?: SaidGap | undefined },
): Promise<Gap | undefined> {
  if (seen?.verified === true) return { from: seen.from, to: seen.to };
  const said = await missingOf(layout, pack);
  if (said === undefined) return undefined;
  const { from, to } = verifyMissing(utf8(said), undefined);
  return size < to ? { from: Math.max(from, size), to } : undefined;
}

/** Says what is missing, or takes the statement back where nothing is any more. */
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
