// The format's second verifier, in Go, by docs/ledger-format.md: both have to say the same of every log.
import { readFileSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeCbor } from "@wattseal/base";
import { ENTRY_TYPES } from "@wattseal/energy-ledger";
import { auditLog, decodeTrust } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { alteredLog } from "./support/alterations.js";
import { BROKEN_FILES, HARMLESS_FILES, HONEST } from "./support/broken-files.js";
import { BROKEN_RULES } from "./support/broken-rules.js";
import { answerOf, buildGo, hasGo } from "./support/go.js";
import { historyOf } from "./support/histories.js";
import { KeyedLog, notesOf, RECEIPT, TRUST_FILE, typeOf, writeLog } from "./support/keyed-log.js";
import { recording, temporaryFolder, wattseal } from "./support/program.js";
import { Random } from "./support/random.js";

const go = hasGo();
const skipped = go ? "" : " (skipped: go is not installed; Debian: apt install golang-go)";

/** What both report in the same words. */
interface Audit {
  readonly verdict: string;
  readonly entries: number;
  readonly signed: number;
  readonly witnessed: number;
  readonly lct: string | undefined;
  readonly epochs: number;
  readonly energy: unknown;
  readonly society: unknown;
}

function comparable({ verdict, entries, signed, witnessed, lct, epochs, energy, society }: Audit) {
  if (verdict === "refused") return { verdict, entries };
  return { verdict, entries, signed, witnessed, lct, epochs, energy, society };
}

/** The second verifier's word on each folder. */
async function second(folders: readonly string[], trust: string | undefined): Promise<Audit[]> {
  const into = await temporaryFolder();
  const program = await buildGo("second-verifier", into);
  const flags = trust === undefined ? [] : ["-trust", trust];
  const { status, stdout } = await answerOf(program, [...flags, ...folders]);
  const audits: Audit[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const sound = audits.every(
    ({ verdict }) => verdict === "verified" || verdict === "self-consistent only",
  );
  expect(status).toBe(sound ? 0 : 1);
  return audits;
}

/** The first verifier's word, through the program. */
async function first(folder: string, trust: string | undefined): Promise<Audit> {
  const flags = trust === undefined ? [] : ["--trust", trust];
  const { stdout } = await wattseal(["ledger", "audit", folder, "--json", ...flags]);
  return JSON.parse(stdout);
}

async function agree(folder: string, trust: string | undefined): Promise<Audit> {
  const mine = await first(folder, trust);
  const [other] = await second([folder], trust);
  expect(comparable(other!)).toEqual(comparable(mine));
  return mine;
}

const trust = decodeTrust(TRUST_FILE);
/** The first verifier's word on entries that are signed and witnessed, without files. */
function auditOf(entries: readonly Uint8Array[], other?: string): Promise<Audit> {
  const { checkpoint, receipt } = notesOf(entries);
  return auditLog({ entries, checkpoint, receipts: [other ?? receipt] }, { trust });
}

async function foldersOf(logs: readonly (readonly Uint8Array[])[]) {
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

describe("a second verifier, by docs/ledger-format.md", () => {
  it("finds every entry type on that page", async () => {
    const page = await readFile(new URL("../docs/ledger-format.md", import.meta.url), "utf8");
    const missing = ENTRY_TYPES.filter((type) => !page.includes(`| \`${type}\` | `));
    expect(missing).toEqual([]);
  });

  it.skipIf(!go)(`agrees on the demonstration's log, to the milliwatt-hour${skipped}`, async () => {
    const state = join(await temporaryFolder(), "state");
    const run = ["start", "--json", "--state", state, "--for", "8s", "--legacy", "1"];
    expect((await wattseal(run)).status).toBe(0);
    expect((await wattseal(run.with(5, "3s"))).status).toBe(0);
    const folder = join(state, "gateway", "log");
    const audit = await agree(folder, join(state, "gateway", "trust.json"));
    expect(audit).toMatchObject({ verdict: "verified", epochs: 2 });
    expect((await agree(folder, undefined)).verdict).toBe("self-consistent only");
  });

  const drive = recording("bmw-i3/TripB02.csv");
  const absent = drive === undefined ? " (skipped: ../shared/data is absent)" : skipped;
  it.skipIf(!go || drive === undefined)(`agrees on a replayed drive${absent}`, async () => {
    const state = join(await temporaryFolder(), "state");
    const run = await wattseal(["start", "--state", state, "--replay", drive!, "--speed", "400"]);
    expect(run.status).toBe(0);
    const trustFile = join(state, "gateway", "trust.json");
    expect((await agree(join(state, "gateway", "log"), trustFile)).verdict).toBe("verified");
  });

  it.skipIf(!go)(`agrees on histories of every kind of entry${skipped}`, async () => {
    const logs = Array.from({ length: 40 }, (_, seed) => historyOf(seed, 30).entries);
    const types = new Set(logs.flat().map(typeOf));
    expect(ENTRY_TYPES.filter((type) => !types.has(type))).toEqual([]);
    const { folders, trustFile } = await foldersOf(logs);
    const others = await second(folders, trustFile);
    for (const [i, entries] of logs.entries()) {
      const mine = await auditOf(entries);
      expect(mine).toMatchObject({ verdict: "verified", entries: entries.length });
      expect(comparable(others[i]!), `history ${i}`).toEqual(comparable(mine));
    }
  });

  it.skipIf(!go)(
    `refuses the same entries of logs that their owner altered and signed again${skipped}`,
    async () => {
      const random = new Random(7);
      const histories = Array.from({ length: 8 }, (_, seed) => historyOf(100 + seed, 10).entries);
      const logs = Array.from({ length: 300 }, () => alteredLog(random.of(histories), random));
      const { folders, trustFile } = await foldersOf(logs);
      const others = await second(folders, trustFile);
      let refused = 0;
      for (const [i, entries] of logs.entries()) {
        const mine = await auditOf(entries);
        if (mine.verdict === "refused") refused += 1;
        expect(comparable(others[i]!), `alteration ${i}`).toEqual(comparable(mine));
      }
      expect(refused).toBeGreaterThan(150);
      expect(refused).toBeLessThan(300);
    },
  );

  it.skipIf(!go)(`refuses, by each rule, what only that rule can tell${skipped}`, async () => {
    const logs = BROKEN_RULES.map(({ broken }) => broken());
    const { folders, trustFile } = await foldersOf(logs.map(({ entries }) => entries));
    const others = await second(folders, trustFile);
    for (const [i, { entries, at }] of logs.entries()) {
      const { rule, what } = BROKEN_RULES[i]!;
      const name = `${rule}, ${what}`;
      const mine = await auditOf(entries);
      expect(mine, name).toMatchObject({ verdict: "refused", entries: at });
      expect(comparable(others[i]!), name).toEqual(comparable(mine));
      expect(others[i], name).toMatchObject({ rule });
    }
  });

  it.skipIf(!go)(`refuses, by each rule, the files that break it${skipped}`, async () => {
    const { folders, trustFile, root } = await foldersOf([HONEST]);
    const honest = folders[0]!;
    const all = [...HARMLESS_FILES, ...BROKEN_FILES];
    const read = (name: string) => readFileSync(join(honest, name));
    const made = await Promise.all(
      all.map(async ({ files }, i) => {
        const folder = join(root, `files-${i}`);
        await cp(honest, folder, { recursive: true });
        for (const [name, bytes] of Object.entries(files(read))) {
          const path = join(folder, name);
          await (bytes === undefined ? rm(path) : mkdirAndWrite(path, bytes));
        }
        return folder;
      }),
    );
    const others = await second(made, trustFile);
    const mine = await atOnce(4, made, (folder, i) => {
      const { [RECEIPT]: receipt, ...more } = all[i]!.files(read);
      const folderOnly = typeof receipt !== "string" || Object.keys(more).length > 0;
      return folderOnly ? first(folder, trustFile) : auditOf(HONEST, receipt);
    });
    for (const [i, { rule, what }] of all.entries()) {
      const verdict = rule === undefined ? "verified" : "refused";
      expect.soft(others[i], `${rule}, ${what}`).toMatchObject({ verdict, ...(rule && { rule }) });
      expect.soft(mine[i]!.verdict, `${rule}, ${what}`).toBe(verdict);
    }
  });

  it.skipIf(!go)(`refuses a flipped bit in every kind of file${skipped}`, async () => {
    const { folders, trustFile, root } = await foldersOf([filler()]);
    const whole = folders[0]!;
    expect(await agree(whole, trustFile)).toMatchObject({ verdict: "verified" });
    const kinds = [
      "checkpoint",
      RECEIPT,
      "journal",
      "tile/entries/000",
      "tile/0/255",
      "tile/1/000",
    ];
    const random = new Random(3);
    const flipped: string[] = [];
    for (const [i, file] of kinds.entries()) {
      const folder = join(root, `flipped-${i}`);
      flipped.push(folder);
      await cp(whole, folder, { recursive: true });
      const bytes = await readFile(join(folder, file));
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      await writeFile(join(folder, file), bytes);
    }
    const others = await second(flipped, trustFile);
    for (const [i, folder] of flipped.entries()) {
      const place = kinds[i];
      expect((await first(folder, trustFile)).verdict, place).toBe("refused");
      expect(others[i], place).toMatchObject({ verdict: "refused" });
    }
  });

  it.skipIf(!go)(`agrees on what a power cut leaves${skipped}`, async () => {
    const log = historyOf(5, 3);
    const { folders, trustFile, root } = await foldersOf([log.entries]);
    const journal = await readFile(join(folders[0]!, "journal"));
    const torn = join(root, "torn");
    await cp(folders[0]!, torn, { recursive: true });
    await writeFile(join(torn, "journal"), Buffer.concat([journal, journal.subarray(24, 31)]));
    const cut = join(root, "cut");
    await cp(folders[0]!, cut, { recursive: true });
    await writeFile(join(cut, "journal"), journal.subarray(0, -1));
    expect(await agree(torn, trustFile)).toMatchObject({ verdict: "verified", tornBytes: 7 });
    expect((await second([torn], trustFile))[0]).toMatchObject({ tornBytes: 7 });
    expect((await agreeOnVerdict(cut, trustFile)).verdict).toBe("refused");
  });
});

async function agreeOnVerdict(folder: string, trustFile: string): Promise<Audit> {
  const mine = await first(folder, trustFile);
  expect((await second([folder], trustFile))[0]).toMatchObject({ verdict: mine.verdict });
  return mine;
}

/** `ask` of every item, of so many at once; the answers in the items' order. */
async function atOnce<T, A>(
  most: number,
  items: readonly T[],
  ask: (item: T, i: number) => Promise<A>,
): Promise<A[]> {
  const answers: A[] = [];
  const rest = items.entries();
  const worker = async () => {
    for (const [i, item] of rest) answers[i] = await ask(item, i);
  };
  await Promise.all(Array.from({ length: most }, worker));
  return answers;
}

async function mkdirAndWrite(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

/** Entries enough for a tile of level 1, and some in the journal. */
function filler(): Uint8Array[] {
  const log = new KeyedLog();
  const body = ["filler", new Uint8Array(32)];
  const entry = encodeCbor([1, "ops.config", log.now, body]);
  return [...log.entries, ...Array.from({ length: 65_600 }, () => entry)];
}
