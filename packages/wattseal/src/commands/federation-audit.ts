import { mkdir, readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fromUtf8, messageOf } from "@wattseal/base";
import { type LogKeys, parseVkey, type VerifierKey } from "@wattseal/tlog";
import { auditReceiptLog, type ReceiptLogReport } from "@wattseal/verifier";
import { readTrust } from "../audit/folder.js";
import {
  type AuditedLog,
  heldReceipts,
  remoteReceiptLog,
  storedReceiptLog,
} from "../audit/receipt-log.js";
import { CliError, EXIT } from "../errors.js";
import { clientFor } from "../restore/copies.js";
import { exists, writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { logVkeys, receiptLogOf } from "../state/receipt-log.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count } from "../view/units.js";

export interface FederationAuditOptions {
  readonly state?: string;
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly key?: readonly string[];
  readonly trust?: string;
  readonly seen?: string;
  readonly receipts?: readonly string[];
  readonly json: boolean;
}

/** `wattseal federation audit`: exit status 1 where anything does not hold. */
export async function auditFederation(options: FederationAuditOptions): Promise<number> {
  const layout = options.state === undefined ? undefined : layoutOf(resolve(options.state));
  if (layout === undefined && options.url === undefined) {
    throw new CliError("usage", "Say what to audit: --state DIR or --url URL");
  }
  const trust = await readTrust(options.trust ?? layout?.federation.trust);
  if (trust === undefined) throw new CliError("usage", "--url needs --trust: whose receipts count");
  const pinned = await pinnedLog(options, layout);
  const seen = options.seen === undefined ? undefined : await readSeen(options.seen);
  const held = await heldReceipts(options.receipts ?? []);
  const log = await openLog(options, layout);
  try {
    const receipts = [...log.shown, ...held];
    const report = await withProgress("receipts", (progress) =>
      auditReceiptLog(log.source, {
        log: pinned,
        trust,
        seen,
        receipts,
        progress: (leaves) => progress(leaves, log.size),
      }),
    );
    if (options.seen !== undefined && report.note !== undefined) {
      await keepSeen(options.seen, report.note);
    }
    await writeOut(
      options.json
        ? `${JSON.stringify({ verified: report.verdict === "verified", receipts: receipts.length, ...report })}\n`
        : textOf(report, {
            pinned,
            receipts: receipts.length,
            file: options.seen,
            isSeen: seen !== undefined,
          }),
    );
    return report.verdict === "verified" ? EXIT.ok : EXIT.failed;
  } finally {
    await log.close();
  }
}

async function openLog(
  options: FederationAuditOptions,
  layout: Layout | undefined,
): Promise<AuditedLog> {
  if (layout !== undefined) return storedReceiptLog(layout);
  return remoteReceiptLog(await clientFor(options.url ?? "", options));
}

/** The log's origin and the keys that are accepted for its heads. */
async function pinnedLog(
  { key: vkeys = [] }: FederationAuditOptions,
  layout: Layout | undefined,
): Promise<LogKeys> {
  const [first, ...others] = vkeys.map(logKey);
  if (first === undefined) {
    if (layout !== undefined) return receiptLogOf(layout);
    throw new CliError(
      "usage",
      "--url needs --key: the receipt log's key (C2SP vkey), from the operator and not from there",
    );
  }
  if (others.some(({ name }) => name !== first.name)) {
    throw new CliError("usage", "--key: several keys are of one log, and have its name");
  }
  return { name: first.name, publicKeys: [first, ...others].map(({ publicKey }) => publicKey) };
}

function logKey(vkey: string): VerifierKey {
  let key: VerifierKey;
  try {
    key = parseVkey(vkey);
  } catch (cause) {
    throw new CliError("usage", `--key: ${messageOf(cause)}`, { cause });
  }
  if (key.type === "ed25519") return key;
  throw new CliError("usage", "--key: that is a witness's key; the receipt log has one of its own");
}

async function readSeen(file: string): Promise<string | undefined> {
  const path = resolve(file);
  return (await exists(path)) ? fromUtf8(await readFile(path), file) : undefined;
}

async function keepSeen(file: string, note: string): Promise<void> {
  const path = resolve(file);
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, note, 0o644);
}

interface Before {
  /** As --seen names it. */
  readonly file: string | undefined;
  /** It held a head. */
  readonly isSeen: boolean;
}

function comparison({ extended, note }: ReceiptLogReport, { file, isSeen }: Before): string {
  if (isSeen) return extended ? "it extends the head that was seen earlier" : "see below";
  if (file === undefined) return "not compared: no head was seen earlier (--seen FILE keeps one)";
  return note === undefined
    ? `not compared: ${file} is not there yet, and keeps no head of a log that does not hold`
    : `not compared: no head was seen earlier; ${file} keeps this one for the next time`;
}

function textOf(
  report: ReceiptLogReport,
  { pinned, receipts, ...before }: { readonly pinned: LogKeys; readonly receipts: number } & Before,
): string {
  const { leaves, packs, witnesses, statements, findings, found, verdict } = report;
  const by = witnesses.length === 0 ? "" : ` by ${witnesses.join(", ")}`;
  const more = found - findings.length;
  return [
    ...logVkeys(pinned).map(
      (key) => `log        ${key}${report.keys.includes(key) ? "" : " (not on the newest head)"}`,
    ),
    `receipts   ${count(leaves)} of ${count(packs)} packs, cosigned${by}; ${count(receipts)} that are held were looked for in it`,
    `statements ${count(statements.held)} held, ${count(statements.unchecked)} unchecked, ${count(statements.wrong)} wrong`,
    `before     ${comparison(report, before)}`,
    ...findings.map(
      ({ leaf, fault, reason }) =>
        `DIFFERENCE ${fault}${leaf === undefined ? "" : ` at receipt ${leaf}`}: ${reason}`,
    ),
    ...(more > 0 ? [`DIFFERENCE and ${count(more)} more`] : []),
    `verdict    ${verdict}`,
    "",
  ].join("\n");
}
