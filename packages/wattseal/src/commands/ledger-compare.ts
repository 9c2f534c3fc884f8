import { claimedTwice, decodeEntry, type Stay, StayBook } from "@wattseal/energy-ledger";
import { auditFolder, openLog, readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { utc, wattHours } from "../view/units.js";

interface Compared {
  readonly path: string;
  readonly verdict: string;
  readonly problem: string | undefined;
  readonly stays: readonly Stay[];
}

interface Twice {
  readonly module: string;
  readonly inMwh: number;
  readonly outMwh: number;
  readonly stays: readonly (Pick<Stay, "first" | "last" | "t0" | "t1"> & {
    readonly log: string;
  })[];
}

/** `wattseal ledger compare`: exit status 1 where a log does not hold, or two claim the same of a module's counters. */
export async function compareCommand(
  paths: readonly string[],
  options: { readonly trust?: string; readonly json: boolean },
): Promise<number> {
  if (paths.length < 2) throw new CliError("usage", "Name two logs or more.");
  const trust = await readTrust(options.trust);
  const logs: (Compared & { readonly lct: string | undefined })[] = [];
  for (const path of paths) {
    const { verdict, problem, report } = await withProgress("entries", (progress) =>
      auditFolder(path, trust, progress),
    );
    const same = logs.find(({ lct }) => lct !== undefined && lct === report?.lct);
    if (same !== undefined) {
      throw new CliError(
        "usage",
        `${path} and ${same.path} are of one pack: name logs of several.`,
      );
    }
    const stays = verdict === "refused" ? [] : await staysIn(path);
    logs.push({ path, verdict, problem, stays, lct: report?.lct });
  }
  const twice = twiceIn(logs);
  await writeOut(
    options.json
      ? `${JSON.stringify({ logs: logs.map(({ stays: _, ...log }) => log), twice })}\n`
      : textOf(logs, twice),
  );
  const sound = logs.every(({ verdict }) => verdict !== "refused") && twice.length === 0;
  return sound ? EXIT.ok : EXIT.failed;
}

async function staysIn(path: string): Promise<readonly Stay[]> {
  const log = await openLog(path);
  const book = new StayBook();
  let index = log.firstEntry;
  for (const bytes of log.entries(log.firstEntry)) {
    book.observe(index, decodeEntry(bytes));
    index += 1;
  }
  return book.stays();
}

function twiceIn(logs: readonly Compared[]): readonly Twice[] {
  const all = logs.flatMap(({ path, stays }) => stays.map((stay) => ({ path, stay })));
  return all.flatMap((a, i) =>
    all.slice(i + 1).flatMap((b) => {
      if (a.path === b.path || a.stay.module !== b.stay.module) return [];
      const { in: inMwh, out: outMwh } = claimedTwice(a.stay, b.stay);
      if (inMwh === 0 && outMwh === 0) return [];
      const stays = [a, b].map(({ path, stay: { first, last, t0, t1 } }) => ({
        log: path,
        first,
        last,
        t0,
        t1,
      }));
      return [{ module: a.stay.module, inMwh, outMwh, stays }];
    }),
  );
}

function textOf(logs: readonly Compared[], twice: readonly Twice[]): string {
  const lines = logs.flatMap(({ path, verdict, problem, stays }) => [
    `${path}: ${verdict}, ${new Set(stays.map(({ module }) => module)).size} modules`,
    ...(problem === undefined ? [] : [`DIFFERENCE ${problem}`]),
  ]);
  for (const { module, inMwh, outMwh, stays } of twice) {
    lines.push(`TWICE module ${module}: in ${wattHours(inMwh)}, out ${wattHours(outMwh)}`);
    for (const { log, first, last, t0, t1 } of stays) {
      lines.push(`  ${log}: entries ${first} to ${last}, ${utc(t0)} to ${utc(t1)}`);
    }
  }
  if (twice.length === 0) lines.push("no module's counters are claimed by two of them");
  return `${lines.join("\n")}\n`;
}
