import { join, resolve } from "node:path";
import {
  CopyBehind,
  type JudgedCopy,
  judgeCopy,
  RESTORED_NOTE,
  restoredNote,
} from "@wattseal/gateway";
import { type Footing, LctKeysError, SignedBeyond } from "@wattseal/lct-keys";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { packName } from "@wattseal/uplink";
import { decodeTrust, type Trust } from "@wattseal/verifier";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError, EXIT } from "../errors.js";
import { answers } from "../ports/socket-path.js";
import { pinoLogger } from "../ports/system.js";
import {
  type CopyOptions,
  clientFor,
  federationCopy,
  folderCopy,
  isUrl,
  type LogCopy,
  staged,
} from "../restore/copies.js";
import { carryOrders, headsBeside, putInPlace, soundLog, stagingOf } from "../restore/place.js";
import { openLocalSigner } from "../roles/local-signer.js";
import { settingOf, signerSocketOf } from "../roles/signer.js";
import { witnessesIn } from "../roles/witnesses.js";
import { readRequired, writeWhole } from "../state/files.js";
import { holdGatewayAndLog } from "../state/held.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count } from "../view/units.js";

export interface RestoreOptions extends CopyOptions {
  readonly state: string;
  /** Query APIs and folders. */
  readonly from: readonly string[];
  /** The operator's word that no head beyond the copy is in anybody's hands. */
  readonly nothingNewer: boolean;
  readonly json: boolean;
}

interface Setting {
  readonly layout: Layout;
  readonly config: Awaited<ReturnType<typeof configOf>>;
  readonly document: LctDocument;
  readonly trust: Trust;
}

/** What became of it. */
interface Outcome {
  readonly log: string;
  /** Undefined where the log that is there is whole. */
  readonly from: string | undefined;
  /** Where what was there is now. */
  readonly movedTo: string | undefined;
  readonly judged: JudgedCopy;
  /** Undefined: a signer in another process judges for itself at its next start. */
  readonly footing: Footing | undefined;
}

function configOf(layout: Layout) {
  const given = { environment: process.env, flags: {} };
  return loadConfig({ schema: gatewaySchema, path: layout.gateway.config, ...given });
}

/** `wattseal ledger restore`: for a gateway that does not run. Nothing is changed before the copy has been verified whole. */
export async function restoreCommand(options: RestoreOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const config = await configOf(layout);
  const trust = decodeTrust(await readRequired(layout.gateway.trust));
  const authorities = trust.authorities.map(({ publicKey }) => publicKey);
  const document = verifyLctDocument(await readRequired(layout.gateway.document), authorities);
  const setting = { layout, config, document, trust };
  const { path } = signerSocketOf(layout, config);
  if (config.signer.socket === "" && (await answers(path))) {
    throw new CliError("usage", `The signer of this folder runs (${path}). Stop it first.`);
  }
  const release = await holdGatewayAndLog(layout);
  try {
    const outcome = await restore(setting, options);
    await writeOut(options.json ? `${JSON.stringify(jsonOf(outcome))}\n` : textOf(outcome));
    return EXIT.ok;
  } catch (error) {
    const refused = refusalOf(error, setting);
    if (refused === undefined) throw error;
    const said = { log: layout.gateway.log, restored: false, ...refused };
    await writeOut(options.json ? `${JSON.stringify(said)}\n` : `${refused.problem}\n`);
    return EXIT.failed;
  } finally {
    await release();
  }
}

async function restore(setting: Setting, options: RestoreOptions): Promise<Outcome> {
  const { layout, document, trust } = setting;
  const { log } = layout.gateway;
  const copies = await copiesOf(setting, options);
  const heads = [...(await headsBeside(log)), ...copies.flatMap((copy) => copy.heads)];
  const best = copies.reduce((most, copy) => (copy.size > most.size ? copy : most));
  const sound = await soundLog(log);
  const judge = (directory: string) =>
    withProgress("entries verified", (progress) =>
      judgeCopy({ directory, document, trust, heads, progress }),
    );
  const word = options.nothingNewer;
  if (sound !== undefined && sound.durableSize >= best.size) {
    const judged = await judge(log);
    const footing = await signerFor(setting, judged, word, "judge");
    if (footing !== undefined && footing !== "state") {
      await note(log, judged, footing, best.kind);
      await signerFor(setting, judged, word, "adopt");
    }
    return { log, from: undefined, movedTo: undefined, judged, footing };
  }
  const staging = stagingOf(log);
  const judged = await staged(
    staging,
    () => withProgress("entries copied", (progress) => best.make(staging, progress)),
    () => judge(staging),
  );
  const footing = await signerFor(setting, judged, word, "judge");
  await note(staging, judged, footing ?? "state", best.kind);
  await carryOrders(staging, log);
  const movedTo = await putInPlace(staging, log);
  if (footing !== undefined) await signerFor(setting, judged, word, "adopt");
  return { log, from: best.name, movedTo, judged, footing };
}

/** At least one. */
async function copiesOf(
  { layout, config, document, trust }: Setting,
  options: RestoreOptions,
): Promise<readonly [LogCopy, ...LogCopy[]]> {
  const found: LogCopy[] = [];
  const { destinations } = witnessesIn(trust, layout, config);
  for (const from of options.from) {
    const copy = isUrl(from)
      ? await federationCopy(await clientFor(from, options), packName(document.label), destinations)
      : await folderCopy(from);
    if (copy !== undefined) found.push(copy);
  }
  const [first, ...others] = found;
  if (first !== undefined) return [first, ...others];
  throw new CliError(
    "state-missing",
    `${options.from.join(", ")}: nothing of ${document.lct} is there`,
  );
}

/** Undefined where the signer is another process's: it compares its own state at its next start. */
async function signerFor(
  { layout, config, document }: Setting,
  { log, closed }: JudgedCopy,
  word: boolean,
  what: "judge" | "adopt",
): Promise<Footing | undefined> {
  if (config.signer.socket !== "") return undefined;
  const logger = pinoLogger("restore", "error", process.stderr);
  const signer = await openLocalSigner(settingOf({ layout, config, document, logger }));
  try {
    return await signer.service.adopt({ log, closed, word, dry: what === "judge" });
  } finally {
    await signer.close();
  }
}

/** For the gateway's next start, which enters it. */
function note(
  directory: string,
  { size }: JudgedCopy,
  footing: Footing,
  source: LogCopy["kind"],
): Promise<void> {
  const said = restoredNote({ size, footing, source });
  return writeWhole(join(directory, RESTORED_NOTE), said, 0o644);
}

/** Why nothing can go on from what is at hand, and what to do then. Undefined for any other error. */
function refusalOf(error: unknown, { document: { lct }, layout }: Setting) {
  const { log } = layout.gateway;
  const missing = missingIn(error);
  if (missing !== undefined) {
    const { from, to, message } = missing;
    const lost = `entries ${from} to ${to - 1} lost`;
    const problem = `${message}. Nothing was changed; what was fetched is in ${stagingOf(log)}. Look for a newer copy (wattseal ledger repair --from it, --from another federation). Where there is none, end the LCT, which has its registry sign what is missing: wattseal identity void ${lct} --reason '${lost}'; then make a new identity that succeeds it (wattseal init --succeeds)`;
    return { problem, missing: { from, to } };
  }
  if (!(error instanceof LctKeysError)) return undefined;
  if (error.code === "state-rolled-back") {
    const problem = `${error.message}. Nothing was changed. Where nobody holds a newer head (no other federation, no proof that was given out, no copy of this machine that still runs), say --nothing-newer: your word is entered in the log. Where it is wrong, whoever has that head can prove a fork, and the LCT ends. Otherwise: wattseal identity void ${lct}, and a new identity that succeeds it`;
    return { problem, missing: undefined };
  }
  const { code } = error;
  if (code !== "log-forked" && code !== "counter-rolled-back") return undefined;
  return { problem: `${error.message}. Nothing was changed`, missing: undefined };
}

/** Entries that were signed, and are in no copy at hand. */
function missingIn(error: unknown) {
  if (error instanceof CopyBehind) return error;
  if (!(error instanceof SignedBeyond)) return undefined;
  return { from: error.size, to: error.signed, message: error.message };
}

function jsonOf({ log, from, movedTo, judged, footing }: Outcome) {
  const { size, report } = judged;
  const { verdict, signed, witnessed } = report;
  const counts = { entries: size, signed, witnessed, verdict };
  return { log, restored: from !== undefined, from, movedTo, ...counts, signer: footing ?? "away" };
}

const SIGNER_LINES: Readonly<Record<Footing | "away", string>> = {
  state: "its own state says that it signed nothing beyond: it goes on",
  counter: "its state was lost; its counter shows that no epoch began since the last one ended",
  word: "its state was lost; it goes on on your word, which the log will say",
  away: "another process: it compares its own state at its next start",
};

function textOf({ log, from, movedTo, judged, footing }: Outcome): string {
  const { size, report } = judged;
  const lines = [
    `log        ${log}: ${count(size)} entries, ${count(report.signed)} signed, ${count(report.witnessed)} witnessed; ${report.verdict}`,
    from === undefined ? "from       it was whole: nothing was taken" : `from       ${from}`,
    ...(movedTo === undefined ? [] : [`before     what was there is in ${movedTo}`]),
    `signer     ${SIGNER_LINES[footing ?? "away"]}`,
    "",
  ];
  return lines.join("\n");
}
