// Both verifiers on logs whose anchor is in a TPM: P-6 to P-9 of docs/ledger-format.md, and what states are worth.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeAttestationFile,
  verifyAttestation,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { decodeTrust, type Trust, verifyProofFile } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { alteredLog } from "./support/alterations.js";
import { answers } from "./support/answers.js";
import { BROKEN_TPM, rolledBackLog, unattestedLogs } from "./support/broken-tpm.js";
import { fileOf, proofOf } from "./support/forged-proofs.js";
import { fieldsOf, type KeyedLog, listOf, TRUST_FILE, typeOf } from "./support/keyed-log.js";
import { temporaryFolder } from "./support/program.js";
import { Random } from "./support/random.js";
import { rolledBackHistory, tpmHistoryOf } from "./support/tpm-histories.js";
import {
  agree,
  agreeOnAll,
  foldersOf,
  go,
  pruneToSnapshot,
  refuseEach,
  second,
  skipped,
} from "./support/verifiers.js";

/** What both say of the state of each epoch: by a proof of the entry after its first. */
async function statesOf(logs: readonly KeyedLog[]): Promise<string[][]> {
  const root = await temporaryFolder();
  const trustFile = join(root, "trust.json");
  await writeFile(trustFile, TRUST_FILE);
  const trust = decodeTrust(TRUST_FILE);
  const paths: string[] = [];
  const mine: string[][] = [];
  for (const { entries } of logs) {
    const begun = [...entries.keys()].filter((i) => typeOf(entries[i]!) === "epoch.begin");
    const states: string[] = [];
    for (const index of begun) {
      const file = fileOf(proofOf(entries, Math.min(index + 1, entries.length - 1)));
      const path = join(root, `${paths.length}.proof`);
      await writeFile(path, file);
      paths.push(path);
      states.push(verifyProofFile(file, trust).epochState);
    }
    mine.push(states);
  }
  const others = await second(paths, trustFile);
  expect(others.map((each) => ("epochState" in each ? each.epochState : ""))).toEqual(mine.flat());
  return mine;
}

/** The first verifier's word on an attestation file. */
function answered(file: Uint8Array, { authorities }: Trust) {
  try {
    const read = decodeAttestationFile(file);
    const trusted = authorities.map(({ publicKey }) => publicKey);
    const document = verifyLctDocument(read.document, trusted);
    const { state, bootVersion, claims } = verifyAttestation(read, document, read.nonce);
    const counter = Number(claims?.counter ?? 0n);
    return { verdict: "verified", lct: document.lct, state, bootVersion, counter };
  } catch (error) {
    expect(error).toHaveProperty("code");
    return { verdict: "refused" };
  }
}

describe("a second verifier of TPM-bound logs", () => {
  it.skipIf(!go)(
    `agrees on histories of attested, unmeasured and other epochs${skipped}`,
    async () => {
      const logs = Array.from({ length: 24 }, (_, seed) => tpmHistoryOf(seed, 25));
      const histories = logs.map(({ entries }) => entries);
      for (const [i, mine] of (await agreeOnAll(histories, "history")).entries()) {
        expect(mine).toMatchObject({ verdict: "verified", entries: histories[i]!.length });
      }
      const states = new Set((await statesOf(logs)).flat());
      expect([...states].sort()).toEqual(["attested", "software", "unattested", "unmeasured"]);
    },
  );

  it.skipIf(!go)(`agrees on what was altered and signed again${skipped}`, async () => {
    const random = new Random(11);
    const histories = Array.from({ length: 8 }, (_, seed) => tpmHistoryOf(200 + seed, 8).entries);
    // few entries around many epochs: half the alterations meet one
    const short = [...unattestedLogs().map(([, log]) => log), rolledBackLog()];
    const all = [...histories, ...short.map(({ entries }) => entries)];
    const logs = Array.from({ length: 240 }, () => alteredLog(random.of(all), random));
    const audits = await agreeOnAll(logs, "alteration");
    const refused = audits.filter(({ verdict }) => verdict === "refused").length;
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(240);
  });

  it.skipIf(!go)(`refuses, by each rule, what only that rule can tell${skipped}`, async () => {
    await refuseEach(BROKEN_TPM);
  });

  it.skipIf(!go)(`leaves unattested what no approval in force covers${skipped}`, async () => {
    const unattested = unattestedLogs();
    const states = await statesOf([...unattested.map(([, log]) => log), rolledBackLog()]);
    for (const [i, [what]] of unattested.entries()) expect(states[i], what).toEqual(["unattested"]);
    // each proof begins with its own epoch, so that what was before it is not known there
    expect(states.at(-1)).toEqual(["attested", "attested", "attested"]);
    const log = rolledBackLog();
    expect(log.replay.chain?.epochs.map(({ state }) => state)).toEqual([
      "attested",
      "unattested",
      "attested",
    ]);
  });

  it.skipIf(!go)(`agrees on what charges are worth after going back${skipped}`, async () => {
    const logs = [
      rolledBackHistory({ snapshotted: false }),
      rolledBackHistory({ snapshotted: true }),
    ];
    for (const { replay, entries } of logs) {
      const states = replay.chain?.epochs.map(({ state }) => state) ?? [];
      expect(states.slice(0, 5)).toEqual([
        "attested",
        "unattested",
        "attested",
        "unattested",
        "attested",
      ]);
      const tiers = entries.flatMap((entry) =>
        typeOf(entry) === "society.charge" ? [listOf(fieldsOf(entry)[3])[2]] : [],
      );
      expect(new Set(tiers)).toEqual(new Set([0, 10_000]));
    }
    const { folders, trustFile } = await foldersOf(logs.map(({ entries }) => entries));
    await pruneToSnapshot(folders[1]!, logs[1]!.entries);
    const whole = await agree(folders[0]!, trustFile);
    expect(whole.verdict).toBe("verified");
    expect((await agree(folders[1]!, trustFile)).verdict).toBe("verified from a snapshot");
  });

  it.skipIf(!go)(`agrees on answers to challenges, and on what is none${skipped}`, async () => {
    const random = new Random(13);
    const honest = answers();
    const altered = Array.from({ length: 300 }, () => {
      const of = random.of(honest);
      const at = random.below(of.length);
      return of.with(at, (of[at] ?? 0) ^ (1 << random.below(8)));
    });
    const files = [...honest, ...altered];
    const root = await temporaryFolder();
    const trustFile = join(root, "trust.json");
    await writeFile(trustFile, TRUST_FILE);
    const paths = files.map((_, i) => join(root, `${i}.attestation`));
    for (const [i, file] of files.entries()) await writeFile(paths[i]!, file);
    const others = await second(paths, trustFile);
    const mine = files.map((file) => answered(file, decodeTrust(TRUST_FILE)));
    for (const [i, each] of mine.entries()) expect(others[i], `${i}`).toMatchObject(each);
    expect(mine.slice(0, honest.length).map((each) => each.state)).toEqual([
      "attested",
      "unattested",
      "unmeasured",
      "software",
      "software",
    ]);
    const refused = mine.slice(honest.length).filter(({ verdict }) => verdict === "refused");
    expect(refused.length).toBeGreaterThan(200);
  });
});
