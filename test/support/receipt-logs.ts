/** A federation's receipt logs, honest and broken, and both of their readers (docs/receipt-log.md). */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { utf8 } from "@wattseal/base";
import { encodeBundle, entriesPath, formatVkey, type LogKeys, TILE_WIDTH } from "@wattseal/tlog";
import {
  auditReceiptLog,
  encodeTrust,
  type ReceiptLogReport,
  type Trust,
} from "@wattseal/verifier";
import {
  type Given,
  headOf,
  LOG,
  LOG_NEXT,
  logOf,
  NEXT,
  receiptOf,
  recordOf,
  STRANGER,
  TRUST,
  WITNESS,
} from "../../packages/verifier/src/receipt-log/log.fixture.js";
import { answerOf, buildGo } from "./go.js";
import { temporaryFolder } from "./program.js";
import type { Random } from "./random.js";

/** What an audit is given. */
export interface AuditedReceipts {
  readonly records: readonly Uint8Array[];
  readonly note: string | undefined;
  readonly seen?: string;
  readonly held?: readonly string[];
}

/** What both readers say in the same words; a finding is its fault, and its leaf. */
export function sayings(report: ReceiptLogReport) {
  const { findings, found, leaves, packs, witnesses, statements, extended, keys } = report;
  return {
    verdict: report.verdict,
    findings: findings.map(({ fault, leaf }) => (leaf === undefined ? fault : `${fault} ${leaf}`)),
    ...{ found, leaves, packs, statements, extended, keys },
    witnesses: [...witnesses].sort(),
  };
}

const BOTH_KEYS = logOf(LOG, LOG_NEXT);

/** The first reader's word. */
export async function firstReader(
  { records, note, seen, held = [] }: AuditedReceipts,
  log: LogKeys = BOTH_KEYS,
  trust: Trust = TRUST,
) {
  const receipts = held.map((text, i) => ({ holder: `holder ${i}`, note: text }));
  return sayings(await auditReceiptLog({ note, records }, { log, trust, seen, receipts }));
}

/** As the note says, whoever signed it. */
function sizeIn(note: string | undefined): number {
  return Number(note?.split("\n")[1] ?? 0);
}

/** The second reader's word on each folder. */
export async function secondReader(
  folders: readonly string[],
  vkeys: readonly string[] = vkeysOf(LOG, LOG_NEXT),
  trust = encodeTrust(TRUST),
) {
  const into = await temporaryFolder();
  const trustFile = join(into, "trust.json");
  await writeFile(trustFile, trust);
  const program = await buildGo("second-verifier", into);
  const keys = vkeys.flatMap((vkey) => ["-key", vkey]);
  const { stdout } = await answerOf(program, ["-trust", trustFile, ...keys, ...folders]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => sayings(JSON.parse(line)));
}

function vkeysOf(...keys: readonly (typeof LOG)[]): readonly string[] {
  return keys.map((key) => formatVkey({ ...key, type: "ed25519" }));
}

/** A folder as the second reader takes it. */
export async function writeReceipts(
  folder: string,
  { records, note, seen, held = [] }: AuditedReceipts,
): Promise<void> {
  const put = async (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  await mkdir(folder);
  if (note !== undefined) await put("checkpoint", note);
  if (seen !== undefined) await put("seen", seen);
  for (const [i, text] of held.entries()) await put(`held/${i}`, text);
  const size = sizeIn(note);
  for (let from = 0; from < Math.min(size, records.length); from += TILE_WIDTH) {
    const to = Math.min(from + TILE_WIDTH, size);
    await put(entriesPath(from / TILE_WIDTH, to - from), encodeBundle(records.slice(from, to)));
  }
}

/** The same from a federation that answers queries. */
export async function fetchReceipts(
  folder: string,
  {
    url,
    token,
    held,
  }: { readonly url: string; readonly token: string; readonly held: readonly string[] },
): Promise<void> {
  const get = async (name: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/v1/receipts/${name}`, { headers });
    if (!response.ok) throw new Error(`${name}: ${response.status}`);
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, new Uint8Array(await response.arrayBuffer()));
    return path;
  };
  const note = await readFile(await get("checkpoint"), "utf8");
  const size = sizeIn(note);
  for (let from = 0; from < size; from += TILE_WIDTH) {
    await get(entriesPath(from / TILE_WIDTH, Math.min(TILE_WIDTH, size - from)));
  }
  await mkdir(join(folder, "held"));
  for (const [i, text] of held.entries()) await writeFile(join(folder, "held", `${i}`), text);
}

/** What an honest federation gave. */
export function honest(random: Random, count: number): Given[] {
  const sizes = new Map<string, number>();
  return Array.from({ length: count }, () => {
    const pack = random.of(["a", "b", "c", "d"]);
    const first = sizes.get(pack) ?? random.of([0, 7]);
    const size = first + 1 + random.below(400);
    sizes.set(pack, size);
    const faults = Array.from({ length: random.of([0, 0, 0, 1, 3]) }, (_, i) => ({
      index: first + i,
      fault: random.of(["forged", "contradicted"] as const),
    }));
    const wrong = faults.length + random.of([0, 0, 70]);
    const statements = { held: random.below(9), unchecked: random.below(3), wrong, faults };
    return { pack, size, first, statements, ...(random.below(3) === 0 && { also: NEXT }) };
  });
}

const HEADS = [[LOG], [LOG, LOG_NEXT], [LOG_NEXT]] as const;

/** An honest log that one or two things were done to. */
export function alteredReceipts(random: Random): AuditedReceipts {
  const given = honest(random, random.of([0, 1, 2, 5, 9, 14]));
  const before = given.map(recordOf);
  let records = given.map((it) => recordOf(random.below(12) === 0 ? changed(it, random) : it));
  for (let n = random.below(3); n > 0; n -= 1) records = moved(records, random);
  const signed = random.of([before, records, records, records]);
  const seen = seenOf(before, random);
  const held = given
    .filter(() => random.below(3) === 0)
    .map((it) => receiptOf(random.below(9) === 0 ? { ...it, mark: "secret" } : it));
  if (random.below(15) === 0) held.push("no note");
  return { records, note: noteOf(signed, random), held, ...(seen !== undefined && { seen }) };
}

function changed(given: Given, random: Random): Given {
  const impostor = { ...STRANGER, name: WITNESS.name };
  return random.of<() => Given>([
    () => ({ ...given, size: given.size + random.of([-1, 1]) }),
    () => ({ ...given, first: given.first + random.of([1, 1_000]) }),
    () => ({ ...given, mark: "other" }),
    () => ({ ...given, witness: STRANGER }),
    () => ({ ...given, witness: { ...impostor, publicKey: WITNESS.publicKey } }),
    () => ({ ...given, pack: "e" }),
  ])();
}

function moved(records: readonly Uint8Array[], random: Random): Uint8Array[] {
  const at = random.below(records.length + 1);
  const record = records[at] ?? utf8("");
  const flipped = record.slice();
  const byte = random.below(record.length);
  if (byte < record.length) flipped[byte]! ^= 1 << random.below(8);
  return random.of([
    () => records.toSpliced(at, 1),
    () => records.toSpliced(at, 0, record),
    () => records.toSpliced(at, 1, flipped),
    () => records.toSpliced(at, 0, recordOf({ pack: "e", size: 3, first: 0 })),
    () => [...records.slice(0, at), ...records.slice(at).reverse()],
    () => [...records],
  ])();
}

function seenOf(records: readonly Uint8Array[], random: Random): string | undefined {
  const keys = random.of(HEADS);
  const prefix = records.slice(0, random.below(records.length + 1));
  return random.of([
    () => undefined,
    () => headOf(prefix, ...keys),
    () => headOf(prefix, ...keys),
    () => headOf([...prefix, utf8("another's")], ...keys),
    () => headOf(prefix, STRANGER),
    () => "no note",
  ])();
}

function noteOf(records: readonly Uint8Array[], random: Random): string | undefined {
  const honestly = () => headOf(records, ...random.of(HEADS));
  const forger = { ...STRANGER, name: LOG.name, publicKey: LOG_NEXT.publicKey };
  return random.of([
    ...Array.from({ length: 12 }, () => honestly),
    () => headOf(records, LOG, forger),
    () => headOf(records, LOG, LOG),
    () => headOf(records, STRANGER),
  ])();
}
