/** Both verifiers of docs/ledger-format.md, each asked the same. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LogStore } from "@wattseal/tlog/store";
import { auditLog, decodeTrust, LogReplay } from "@wattseal/verifier";
import { expect } from "vitest";
import type { BrokenRule } from "./broken-rules.js";
import { answerOf, buildGo, hasGo } from "./go.js";
import { notesOf, TRUST_FILE, writeLog } from "./keyed-log.js";
import { temporaryFolder, wattseal } from "./program.js";

export const go = hasGo();
/** What a test's name says where it cannot run. */
export const skipped = go ? "" : " (skipped: go is not installed; Debian: apt install golang-go)";

/** What both report in the same words. */
export interface Audit {
  readonly verdict: string;
  readonly entries: number;
  readonly signed: number;
  readonly witnessed: number;
  readonly lct: string | undefined;
  readonly epochs: number;
  readonly energy: unknown;
  readonly society: unknown;
}

export function comparable({
  verdict,
  entries,
  signed,
  witnessed,
  lct,
  epochs,
  energy,
  society,
}: Audit) {
  if (verdict === "refused") return { verdict, entries };
  return { verdict, entries, signed, witnessed, lct, epochs, energy, society };
}

const SOUND = ["verified", "verified from a snapshot", "self-consistent only"];

/** The second verifier's word on each log or proof. */
export async function second(
  paths: readonly string[],
  trust: string | undefined,
): Promise<Audit[]> {
  const into = await temporaryFolder();
  const program = await buildGo("second-verifier", into);
  const flags = trust === undefined ? [] : ["-trust", trust];
  const { status, stdout } = await answerOf(program, [...flags, ...paths]);
  const audits: Audit[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const sound = audits.every(({ verdict }) => SOUND.includes(verdict));
  expect(status).toBe(sound ? 0 : 1);
  return audits;
}

/** The first verifier's word, through the program. */
export async function first(folder: string, trust: string | undefined): Promise<Audit> {
  const flags = trust === undefined ? [] : ["--trust", trust];
  const { stdout } = await wattseal(["ledger", "audit", folder, "--json", ...flags]);
  return JSON.parse(stdout);
}

export async function agree(folder: string, trust: string | undefined): Promise<Audit> {
  const mine = await first(folder, trust);
  const [other] = await second([folder], trust);
  expect(comparable(other!)).toEqual(comparable(mine));
  return mine;
}

const trust = decodeTrust(TRUST_FILE);
/** The first verifier's word on entries that are signed and witnessed, without files. */
export function auditOf(entries: readonly Uint8Array[], other?: string): Promise<Audit> {
  const { checkpoint, receipt } = notesOf(entries);
  return auditLog({ entries, checkpoint, receipts: [other ?? receipt] }, { trust });
}

/** Folders of logs with these entries, signed and witnessed, and a trust file that accepts them. */
export async function foldersOf(logs: readonly (readonly Uint8Array[])[]) {
  const root = await temporaryFolder();
  const trustFile = join(root, "trust.json");
  await writeFile(trustFile, TRUST_FILE);
  const folders: string[] = [];
  for (const [i, entries] of logs.entries()) {
    const folder = join(root, String(i));
    folders.push(folder);
    await writeLog(folder, entries);
  }
  return { root, folders, trustFile };
}

/** What both say of logs with these entries, which is the same of each. `what`: for the message where it is not. */
export async function agreeOnAll(
  logs: readonly (readonly Uint8Array[])[],
  what: string,
): Promise<readonly Audit[]> {
  const { folders, trustFile } = await foldersOf(logs);
  const others = await second(folders, trustFile);
  const audits: Audit[] = [];
  for (const [i, entries] of logs.entries()) {
    const mine = await auditOf(entries);
    expect(comparable(others[i]!), `${what} ${i}`).toEqual(comparable(mine));
    audits.push(mine);
  }
  return audits;
}

/** Both refuse each at its entry, the second one by its rule. */
export async function refuseEach(rules: readonly BrokenRule[]): Promise<void> {
  const logs = rules.map(({ broken }) => broken());
  const { folders, trustFile } = await foldersOf(logs.map(({ entries }) => entries));
  const others = await second(folders, trustFile);
  for (const [i, { entries, at }] of logs.entries()) {
    const { rule, what } = rules[i]!;
    const name = `${rule}, ${what}`;
    const mine = await auditOf(entries);
    expect.soft(mine, name).toMatchObject({ verdict: "refused", entries: at });
    expect.soft(others[i], name).toMatchObject({ verdict: "refused", entries: at, rule });
  }
}

export const SNAPSHOT = "snapshot.0000000000000400";

/** Drops a log's first 1,024 entries, for the snapshot that entry 1,024 states. */
export async function pruneToSnapshot(
  folder: string,
  entries: readonly Uint8Array[],
): Promise<void> {
  const log = await LogStore.open({ directory: folder });
  expect(await log.prune(1_024)).toBe(1_024);
  await log.close();
  const replay = new LogReplay(decodeTrust(TRUST_FILE));
  for (const entry of entries.slice(0, 1_024)) replay.append(entry);
  await writeFile(join(folder, SNAPSHOT), replay.snapshot());
}
