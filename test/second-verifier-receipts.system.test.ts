// Both readers of a federation's receipt log; the second, in Go, goes by docs/receipt-log.md.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { headOf, recordOf } from "../packages/verifier/src/receipt-log/log.fixture.js";
import { BROKEN_RECEIPTS, HONEST_RECEIPTS } from "./support/broken-receipts.js";
import { Role, temporaryFolder, wattseal } from "./support/program.js";
import { Random } from "./support/random.js";
import {
  type AuditedReceipts,
  alteredReceipts,
  fetchReceipts,
  firstReader,
  honest,
  sayings,
  secondReader,
  writeReceipts,
} from "./support/receipt-logs.js";
import { go, skipped } from "./support/verifiers.js";

const TOKEN = "receipt-log-reader-token";

/** What both say of each. */
async function both(logs: readonly AuditedReceipts[]) {
  const root = await temporaryFolder();
  const folders = logs.map((_, i) => join(root, String(i)));
  for (const [i, log] of logs.entries()) await writeReceipts(folders[i]!, log);
  const second = await secondReader(folders);
  const first = await Promise.all(logs.map((log) => firstReader(log)));
  return first.map((mine, i) => ({ mine, other: second[i]! }));
}

describe("a second reader of receipt logs, by docs/receipt-log.md", () => {
  it("is held to every rule on that page", async () => {
    const page = await readFile(new URL("../docs/receipt-log.md", import.meta.url), "utf8");
    const rules = [...page.matchAll(/^- \*\*(L-\d+)\*\*/gm)].map(([, rule]) => rule);
    expect([...new Set(BROKEN_RECEIPTS.map(({ rule }) => rule))]).toEqual(rules);
  });

  it.skipIf(!go)(`finds, by each rule, what only that rule can tell${skipped}`, async () => {
    const said = await both(BROKEN_RECEIPTS);
    for (const [i, { rule, what, findings }] of BROKEN_RECEIPTS.entries()) {
      const name = `${rule}: ${what}`;
      expect.soft(said[i]!.mine, name).toMatchObject({ verdict: "refused", findings });
      expect.soft(said[i]!.other, name).toEqual(said[i]!.mine);
    }
  });

  it.skipIf(!go)(`verifies honest logs, however long${skipped}`, async () => {
    const records = honest(new Random(1), 600).map(recordOf);
    const long = { records, note: headOf(records), seen: headOf(records.slice(0, 300)) };
    for (const { mine, other } of await both([...HONEST_RECEIPTS, long])) {
      expect(mine).toMatchObject({ verdict: "verified", findings: [] });
      expect(other).toEqual(mine);
    }
  });

  it.skipIf(!go)(`says the same of logs that were altered at random${skipped}`, async () => {
    const random = new Random(41);
    const logs = Array.from({ length: 400 }, () => alteredReceipts(random));
    const said = await both(logs);
    for (const [i, { mine, other }] of said.entries()) {
      expect(other, `log ${i}`).toEqual(mine);
    }
    const refused = said.filter(({ mine }) => mine.verdict === "refused").length;
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(380);
  });

  it.skipIf(!go)(
    `verifies what a federation serves, under the key that it tells${skipped}`,
    async () => {
      const root = await temporaryFolder();
      const [state, token, folder] = [`${root}/state`, `${root}/token`, `${root}/log`];
      const run = ["--modules", "1", "--speed", "max", "--for", "2s", "--tpm", "none"];
      expect((await wattseal(["start", ...run, "--state", state])).status).toBe(0);
      await writeFile(token, TOKEN, { mode: 0o600 });
      const federation = new Role(["federation", "--state", state, "--port", "0"], {
        WATTSEAL_QUERY_LISTEN: "127.0.0.1:0",
        WATTSEAL_QUERY_TOKENFILE: token,
      });
      const { queries } = await federation.line(({ msg }) => msg === "federation.running");
      const url = String(queries);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const fleet = await (await fetch(`${url}/v1/fleet`, { headers })).text();
      const { receiptLog }: { readonly receiptLog: string } = JSON.parse(fleet);
      const receipts = (await readdir(`${state}/gateway/log`)).filter((it) =>
        it.startsWith("receipt."),
      );
      const held = await Promise.all(
        receipts.map((name) => readFile(`${state}/gateway/log/${name}`, "utf8")),
      );
      expect(held).toHaveLength(1);
      await fetchReceipts(folder, { url, token: TOKEN, held });
      const trust = `${state}/federation/trust.json`;
      const asked = ["--url", url, "--token", token, "--trust", trust, "--key", receiptLog];
      const { stdout } = await wattseal([
        ...["federation", "audit", "--json", ...asked],
        ...["--receipts", `${state}/gateway/log`],
      ]);
      expect(await federation.stop()).toBe(0);
      const mine = sayings(JSON.parse(stdout));
      const [other] = await secondReader([folder], [receiptLog], await readFile(trust));
      expect(other).toEqual(mine);
      expect(other).toMatchObject({ findings: [], packs: 1, keys: [receiptLog] });
      expect(other!.leaves).toBeGreaterThan(0);
      expect(other!.statements.held).toBeGreaterThan(0);
    },
  );
});
