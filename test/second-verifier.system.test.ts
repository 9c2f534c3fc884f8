// The format's second verifier, in Go, by docs/ledger-format.md: both have to say the same of every log.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ENTRY_TYPES } from "@wattseal/energy-ledger";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { hasSwtpm } from "@wattseal/tpm2/testing";
import { describe, expect, it } from "vitest";
import { alteredLog } from "./support/alterations.js";
import { BROKEN_RULES } from "./support/broken-rules.js";
import { BROKEN_TRADES } from "./support/broken-trades.js";
import { BROKEN_WORDS } from "./support/broken-words.js";
import { historyOf } from "./support/histories.js";
import { typeOf } from "./support/keyed-log.js";
import { recording, temporaryFolder, wattseal } from "./support/program.js";
import { Random } from "./support/random.js";
import { lasting } from "./support/run.js";
import { marketOf } from "./support/trades.js";
import { agree, agreeOnAll, go, refuseEach, skipped } from "./support/verifiers.js";

describe("a second verifier, by docs/ledger-format.md", () => {
  it("finds every entry type on that page", async () => {
    const page = await readFile(new URL("../docs/ledger-format.md", import.meta.url), "utf8");
    const missing = ENTRY_TYPES.filter((type) => !page.includes(`| \`${type}\` | `));
    expect(missing).toEqual([]);
  });

  /** The demonstration, started twice on one state. */
  async function demonstration(tpm: "none" | "swtpm") {
    const folder = await temporaryFolder();
    const state = join(folder, "state");
    const run = ["start", "--tpm", tpm, "--json", "--state", state, "--legacy", "1"];
    for (const seconds of [300, 90]) {
      const whole = await lasting(seconds, folder);
      expect((await wattseal([...run, "--speed", "max", ...whole])).status).toBe(0);
    }
    return {
      folder: join(state, "gateway", "log"),
      trustFile: join(state, "gateway", "trust.json"),
    };
  }

  it.skipIf(!go)(`agrees on the demonstration's log, to the milliwatt-hour${skipped}`, async () => {
    const { folder, trustFile } = await demonstration("none");
    expect(await agree(folder, trustFile)).toMatchObject({ verdict: "verified", epochs: 2 });
    expect((await agree(folder, undefined)).verdict).toBe("self-consistent only");
  });

  const swtpm = hasSwtpm();
  const emulated = swtpm ? skipped : " (skipped: swtpm is not installed)";
  it.skipIf(!go || !swtpm)(
    `agrees on what an emulated TPM said of its epochs${emulated}`,
    async () => {
      const { folder, trustFile } = await demonstration("swtpm");
      expect(await agree(folder, trustFile)).toMatchObject({ verdict: "verified" });
      const document = await readFile(join(folder, "..", "lct.cose"));
      const { attestation, binding } = verifyLctDocument(document, "self-consistent");
      expect(binding).toBe("software");
      expect(attestation?.pcrs.length).toBeGreaterThan(0);
    },
  );

  const drive = recording("bmw-i3/TripB02.csv");
  const absent = drive === undefined ? " (skipped: ../shared/data is absent)" : skipped;
  it.skipIf(!go || drive === undefined)(`agrees on a replayed drive${absent}`, async () => {
    const state = join(await temporaryFolder(), "state");
    const run = await wattseal([
      "start",
      "--tpm",
      "none",
      "--state",
      state,
      "--replay",
      drive!,
      "--speed",
      "400",
    ]);
    expect(run.status).toBe(0);
    const trustFile = join(state, "gateway", "trust.json");
    expect((await agree(join(state, "gateway", "log"), trustFile)).verdict).toBe("verified");
  });

  it.skipIf(!go)(`agrees on histories of every kind of entry${skipped}`, async () => {
    const packs = Array.from({ length: 40 }, (_, seed) => historyOf(seed, 30));
    const markets = Array.from({ length: 9 }, (_, seed) => marketOf(seed, 25));
    const logs = [...packs, ...markets.flat()].map(({ entries }) => entries);
    const types = new Set(logs.flat().map(typeOf));
    expect(ENTRY_TYPES.filter((type) => !types.has(type))).toEqual([]);
    for (const [i, mine] of (await agreeOnAll(logs, "history")).entries()) {
      expect(mine).toMatchObject({ verdict: "verified", entries: logs[i]!.length });
    }
  });

  it.skipIf(!go)(
    `refuses the same entries of logs that their owner altered and signed again${skipped}`,
    async () => {
      const random = new Random(7);
      const packs = Array.from({ length: 8 }, (_, seed) => historyOf(100 + seed, 10));
      const markets = Array.from({ length: 2 }, (_, seed) => marketOf(100 + seed, 12));
      const histories = [...packs, ...markets.flat()].map(({ entries }) => entries);
      const logs = Array.from({ length: 300 }, () => alteredLog(random.of(histories), random));
      const audits = await agreeOnAll(logs, "alteration");
      const refused = audits.filter(({ verdict }) => verdict === "refused").length;
      expect(refused).toBeGreaterThan(150);
      expect(refused).toBeLessThan(300);
    },
  );

  it.skipIf(!go)(`refuses, by each rule, what only that rule can tell${skipped}`, async () => {
    await refuseEach([...BROKEN_WORDS, ...BROKEN_RULES, ...BROKEN_TRADES]);
  });
});
