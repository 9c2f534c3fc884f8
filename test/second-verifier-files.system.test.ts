// Both verifiers on what is around the entries: files, heads, proofs, and what breaks them (docs/ledger-format.md).
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeCbor } from "@wattseal/base";
import { LogStore } from "@wattseal/tlog/store";
import { decodeTrust, type Trust, verifyProofFile } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { alteredCopies, HONEST, readerOf } from "./support/altered-files.js";
import { BROKEN_FILES, BROKEN_FLOORS, HARMLESS_FILES } from "./support/broken-files.js";
import { BROKEN_HEADS, HARMLESS_HEADS, QUORUM_HEADS, UNWITNESSED } from "./support/broken-heads.js";
import {
  BROKEN_PROOFS,
  HONEST_PROOFS,
  type ProofCase,
  QUORUM_PROOFS,
} from "./support/broken-proofs.js";
import { historyOf } from "./support/histories.js";
import { KeyedLog, QUORUM_FILE, RECEIPT, TRUST_FILE } from "./support/keyed-log.js";
import { temporaryFolder } from "./support/program.js";
import { Random } from "./support/random.js";
import { tpmHistoryOf } from "./support/tpm-histories.js";
import {
  type Audit,
  agree,
  auditOf,
  comparable,
  first,
  foldersOf,
  go,
  pruneToSnapshot,
  SNAPSHOT,
  second,
  skipped,
} from "./support/verifiers.js";

/** The first verifier's word on a proof file. */
function proven(file: Uint8Array, by: Trust) {
  try {
    const { verdict, index, lct, size, epoch, epochState } = verifyProofFile(file, by);
    return { verdict, index, lct, size, epoch, epochState };
  } catch (error) {
    expect(error).toHaveProperty("code");
    return { verdict: "refused" };
  }
}

describe("a second verifier of files", () => {
  it.skipIf(!go)(`refuses, by each rule, the files that break it${skipped}`, async () => {
    const { folders, trustFile } = await foldersOf([HONEST]);
    const honest = folders[0]!;
    const all = [...HARMLESS_FILES, ...HARMLESS_HEADS, ...BROKEN_FILES, ...BROKEN_HEADS];
    const made = await alteredCopies(honest, all);
    const others = await second(made, trustFile);
    const mine = await atOnce(4, made, (folder, i) => {
      const { [RECEIPT]: receipt, ...more } = all[i]!.files(readerOf(honest));
      const folderOnly = typeof receipt !== "string" || Object.keys(more).length > 0;
      return folderOnly ? first(folder, trustFile) : auditOf(HONEST, receipt);
    });
    for (const [i, { rule, what }] of all.entries()) {
      const verdict = rule === undefined ? "verified" : "refused";
      expect.soft(others[i], `${rule}, ${what}`).toMatchObject({ verdict, ...(rule && { rule }) });
      expect.soft(mine[i]!.verdict, `${rule}, ${what}`).toBe(verdict);
    }
  });

  it.skipIf(!go)(
    `counts what a quorum has witnessed, and nobody else's receipt${skipped}`,
    async () => {
      const { folders, trustFile, root } = await foldersOf([HONEST]);
      const honest = folders[0]!;
      const quorumFile = join(root, "quorum.json");
      await writeFile(quorumFile, QUORUM_FILE);
      for (const [all, by] of [
        [UNWITNESSED.map((of) => ({ ...of, witnessed: 0 })), trustFile],
        [QUORUM_HEADS, quorumFile],
      ] as const) {
        const made = await alteredCopies(honest, all);
        const others = await second(made, by);
        const mine = await atOnce(4, made, (folder) => first(folder, by));
        for (const [i, { what, witnessed }] of all.entries()) {
          const verdict = witnessed === HONEST.length ? "verified" : "verified in part";
          expect.soft(mine[i], what).toMatchObject({ verdict, witnessed });
          expect.soft(comparable(others[i]!), what).toEqual(comparable(mine[i]!));
        }
        await Promise.all(made.map((folder) => rm(folder, { recursive: true })));
      }
    },
  );

  it.skipIf(!go)(`refuses a pruned log, and by each rule a broken floor${skipped}`, async () => {
    const { folders, trustFile } = await foldersOf([HONEST]);
    const pruned = folders[0]!;
    const log = await LogStore.open({ directory: pruned });
    expect(await log.prune(256)).toBe(256);
    await log.close();
    const made = [pruned, ...(await alteredCopies(pruned, BROKEN_FLOORS))];
    const others = await second(made, trustFile);
    const mine = await atOnce(4, made, (folder) => first(folder, trustFile));
    for (const [i, { rule, what }] of [{ rule: "F-9", what: "" }, ...BROKEN_FLOORS].entries()) {
      expect.soft(others[i], `${rule}, ${what}`).toMatchObject({ verdict: "refused", rule });
      expect.soft(mine[i], `${rule}, ${what}`).toMatchObject({ verdict: "refused" });
      // what a floor breaks is told before what is missing below it
      expect.soft(JSON.stringify(mine[i]).includes("no snapshot says"), what).toBe(rule === "F-9");
    }
  });

  it.skipIf(!go)(`goes on from a snapshot where a log was pruned${skipped}`, async () => {
    const histories = [3, 10, 17].map((seed) => historyOf(seed, 30));
    const attested = [3, 17, 24].map((seed) => tpmHistoryOf(seed, 30));
    const logs = [...histories, ...attested].map(({ entries }) => entries);
    const { folders, trustFile } = await foldersOf(logs);
    for (const [i, folder] of folders.entries()) await pruneToSnapshot(folder, logs[i]!);
    const mine = await atOnce(4, folders, (folder) => first(folder, trustFile));
    const others = await second(folders, trustFile);
    for (const [i, { entries }] of mine.entries()) {
      expect(mine[i]).toMatchObject({ verdict: "verified from a snapshot", from: 1_024 });
      expect(entries).toBe(logs[i]!.length);
      expect(others[i]).toMatchObject({ ...comparable(mine[i]!), from: 1_024 });
    }
    const flipped = folders[0]!;
    const snapshot = await readFile(join(flipped, SNAPSHOT));
    await writeFile(join(flipped, SNAPSHOT), snapshot.with(900, (snapshot[900] ?? 0) ^ 1));
    expect((await agreeOnVerdict(flipped, trustFile)).verdict).toBe("refused");
  });

  it.skipIf(!go)(`refuses files that are named as snapshots and are none${skipped}`, async () => {
    const { entries } = historyOf(3, 30);
    const digits = (index: number) => index.toString(16).padStart(16, "0");
    const strays: readonly (readonly [string, number])[] = [
      [digits(5), 5],
      [digits(entries.length), 0],
      [digits(2 ** 53), 0],
      ["7fffffffffffffff", 0],
      ["ffffffffffffffff", 0],
    ];
    const { folders, trustFile } = await foldersOf([...strays, 0, 0].map(() => entries));
    for (const [i, [name]] of strays.entries()) {
      await writeFile(join(folders[i]!, `snapshot.${name}`), "stray");
    }
    const [folder, other] = folders.slice(-2);
    await mkdir(join(folder!, `snapshot.${digits(5)}`));
    await writeFile(join(other!, "snapshot.5"), "no snapshot's name");
    for (const [i, [name, held]] of [...strays, ["a folder", 0] as const].entries()) {
      const found = await agree(folders[i]!, trustFile);
      expect(found, name).toMatchObject({ verdict: "refused", entries: held });
    }
    expect((await agree(other!, trustFile)).verdict).toBe("verified");
  });

  it.skipIf(!go)(
    `agrees on proofs, and refuses by each rule what breaks it${skipped}`,
    async () => {
      const root = await temporaryFolder();
      const honest: readonly ProofCase[] = HONEST_PROOFS.map((made) => ({
        what: "honest",
        file: () => made,
      }));
      const cases = [...honest, ...BROKEN_PROOFS, ...QUORUM_PROOFS];
      const paths = cases.map((_, i) => join(root, `${i}.proof`));
      const trustFile = join(root, "trust.json");
      for (const of of new Set(cases.map((each) => each.trust ?? TRUST_FILE))) {
        await writeFile(trustFile, of);
        const those = [...cases.entries()].filter(([, each]) => (each.trust ?? TRUST_FILE) === of);
        for (const [i, { file }] of those) await writeFile(paths[i]!, file());
        const others = await second(
          those.map(([i]) => paths[i]!),
          trustFile,
        );
        for (const [k, [, { rule, what, file }]] of those.entries()) {
          const mine = proven(file(), decodeTrust(of));
          expect.soft(mine.verdict, `${rule}, ${what}`).toBe(rule ? "refused" : "verified");
          expect
            .soft(others[k], `${rule}, ${what}`)
            .toMatchObject({ ...mine, ...(rule && { rule }) });
        }
      }
    },
  );

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

/** Prunes a log below its entry 1,024, a snapshot, and puts the state there beside it. */
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

/** Entries enough for a tile of level 1, and some in the journal. */
function filler(): Uint8Array[] {
  const log = new KeyedLog();
  const body = ["filler", new Uint8Array(32)];
  const entry = encodeCbor([1, "ops.config", log.now, body]);
  return [...log.entries, ...Array.from({ length: 65_600 }, () => entry)];
}
