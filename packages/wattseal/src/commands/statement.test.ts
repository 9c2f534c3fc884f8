import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSign1, lctId } from "@wattseal/base";
import {
  decodeAs,
  decodePolicy,
  mintPayload,
  type Policy,
  sourcePayload,
} from "@wattseal/energy-ledger";
import { createEd25519KeyFile, Ed25519SecretKey } from "@wattseal/lct-keys";
import { formatVkey } from "@wattseal/tlog";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { runProgram } from "../program.fixture.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-statement-"));
afterAll(() => rmSync(root, { recursive: true }));
const AUTHORITY = join(root, "authority.pem");
const PACK = lctId(`lct:pack:${"a".repeat(32)}`);
const OTHER = lctId(`lct:pack:${"b".repeat(32)}`);
beforeAll(async () => (await createEd25519KeyFile(AUTHORITY, systemEntropy)).dispose());

let count = 0;
async function signed(...words: readonly string[]): Promise<Uint8Array> {
  count += 1;
  const out = join(root, `${count}.cose`);
  const how = ["--society", PACK, "--authority", AUTHORITY, "--out", out];
  const { status, stdout } = await runProgram("statement", ...words, ...how);
  expect(status).toBe(0);
  expect(stdout).toContain(`NUMBER-society.${words[0]}.cose`);
  return decodeSign1(readFileSync(out)).payload;
}

it("signs a mint", async () => {
  const payload = await signed("mint", "20kWh", "--serial", "2");
  expect(decodeAs(mintPayload, payload, "mint")).toEqual({
    purpose: "wattseal-mint-1",
    society: PACK,
    amount: 20_000_000,
    serial: 2,
  });
});

it("signs what a source can give, from now on", async () => {
  const before = Date.now();
  const payload = await signed("source", "depot-grid", "--kind", "grid", "--watts", "150000");
  const { provenAt, ...said } = decodeAs(sourcePayload, payload, "source");
  expect(said).toEqual({
    purpose: "wattseal-source-1",
    society: PACK,
    source: "depot-grid",
    kind: "grid",
    ratedWatts: 150_000,
    meter: undefined,
  });
  expect(provenAt).toBeGreaterThanOrEqual(before);
  expect(provenAt).toBeLessThanOrEqual(Date.now());
});

it("signs terms, of the second version where others are named", async () => {
  const terms = {
    society: PACK,
    version: 3,
    highBps: 10_000,
    developingBps: 9000,
    lowBps: 5550,
    tier: "developing",
    lotDays: 10,
    withheldDays: 7,
    wasteAlert: 250_000,
    declaredCap: 0,
  };
  const flags = ["--low", "55.5", "--tier", "developing", "--lot-days", "10"];
  const words = ["policy", "--serial", "3", ...flags, "--waste-alert", "250Wh"];
  const alone: Policy = decodePolicy(await signed(...words));
  expect(alone).toEqual({ purpose: "wattseal-policy-1", ...terms });
  const { publicKey } = Ed25519SecretKey.generate(systemEntropy);
  const vkey = formatVkey({ name: "fleet.example", publicKey, type: "cosignature" });
  const others = ["--witness", `${OTHER}=${vkey}`, "--counterparty", OTHER];
  const together: Policy = decodePolicy(await signed(...words, ...others));
  expect(together).toEqual({
    purpose: "wattseal-policy-2",
    ...terms,
    witnesses: [{ lct: OTHER, name: "fleet.example", publicKey }],
    counterparties: [OTHER],
  });
});

it("refuses what the rules refuse, and leaves no file", async () => {
  const out = join(root, "refused.cose");
  const how = ["--society", PACK, "--authority", AUTHORITY, "--out", out];
  const mint = (...words: readonly string[]) => runProgram("statement", "mint", ...words, ...how);
  await expect(mint("20kWh", "--serial", "0")).rejects.toThrow("whole number");
  await expect(mint("0Wh", "--serial", "1")).rejects.toThrow("above 0");
  const source = ["source", "Depot Grid!", "--kind", "grid", "--watts", "5"];
  await expect(runProgram("statement", ...source, ...how)).rejects.toMatchObject({
    code: "usage",
  });
  const witness = ["policy", "--serial", "1", "--witness", "nobody"];
  await expect(runProgram("statement", ...witness, ...how)).rejects.toThrow("LCT=VKEY");
  expect(() => statSync(out)).toThrow("ENOENT");
});
