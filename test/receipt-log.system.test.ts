import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { type Finished, Role, temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";

const RUN = ["--modules", "1", "--speed", "max", "--tpm", "none"];
const TOKEN = "receipt-log-audit-token";

interface Audit {
  readonly verified: boolean;
  readonly keys: readonly string[];
  readonly leaves: number;
  readonly findings: readonly { readonly fault: string }[];
  readonly statements: Readonly<Record<string, number>>;
  readonly extended: boolean;
}

async function demonstrate(state: string): Promise<void> {
  const whole = await lasting(150, dirname(state));
  const run = await wattseal(["start", ...RUN, "--state", state, ...whole]);
  expect(run.status, run.stderr).toBe(0);
}

/** A federation that answers queries. */
async function queried(state: string, token: string) {
  const federation = new Role(["federation", "--state", state, "--port", "0"], {
    WATTSEAL_QUERY_LISTEN: "127.0.0.1:0",
    WATTSEAL_QUERY_TOKENFILE: token,
  });
  const { queries } = await federation.line(({ msg }) => msg === "federation.running");
  return { federation, queries: String(queries) };
}

function told({ status, stdout, stderr }: Finished): Audit {
  expect([0, 1], stderr).toContain(status);
  const audit: Audit = JSON.parse(stdout);
  expect(status).toBe(audit.verified ? 0 : 1);
  return audit;
}

it("a federation's receipts are audited from its store and over HTTP, and a store set back is found out", async () => {
  const folder = await temporaryFolder();
  const [state, seen] = [`${folder}/state`, `${folder}/seen/head`];
  const receipts = ["--receipts", `${state}/gateway/log`];
  const audit = async (...flags: readonly string[]) =>
    told(await wattseal(["federation", "audit", "--json", "--seen", seen, ...receipts, ...flags]));
  const stored = () => audit("--state", state);

  await demonstrate(state);
  const first = await stored();
  expect(first).toMatchObject({ verified: true, extended: false, findings: [] });
  expect(first.leaves).toBeGreaterThan(0);
  expect(first.statements).toMatchObject({ unchecked: 0, wrong: 0 });
  expect(first.statements["held"]).toBeGreaterThan(0);
  const begun = await wattseal(["federation", "audit", "--state", state, "--seen", `${seen}-2`]);
  expect(begun.stdout).toContain(`${seen}-2 keeps this one for the next time`);
  expect(await readFile(`${seen}-2`)).toEqual(await readFile(seen));
  await cp(`${state}/federation/store`, `${folder}/backup`, { recursive: true });

  await demonstrate(state);
  const second = await stored();
  expect(second).toMatchObject({ verified: true, extended: true, keys: first.keys });
  expect(second.leaves).toBeGreaterThan(first.leaves);

  const token = `${folder}/token`;
  await writeFile(token, TOKEN, { mode: 0o600 });
  const { federation, queries } = await queried(state, token);
  const trust = ["--trust", `${state}/federation/trust.json`];
  const asked = ["--url", queries, "--token", token, "--key", second.keys[0]!, ...trust];
  expect(await audit(...asked)).toMatchObject({ verified: true, leaves: second.leaves });
  const besides = await wattseal(["federation", "audit", "--state", state]);
  expect([besides.status, besides.stderr]).toEqual([2, expect.stringContaining("stop it first")]);
  expect(await federation.stop()).toBe(0);

  await rm(`${state}/federation/store`, { recursive: true });
  await cp(`${folder}/backup`, `${state}/federation/store`, { recursive: true });
  const back = await stored();
  expect(back.findings.map(({ fault }) => fault)).toEqual(["split", "unlogged"]);
}, 300_000);

it("the log's key goes over to the next one, and no auditor has to look at once", async () => {
  const folder = await temporaryFolder();
  const [state, token] = [`${folder}/state`, `${folder}/token`];
  await writeFile(token, TOKEN, { mode: 0o600 });
  const audit = async (...flags: readonly string[]) =>
    told(await wattseal(["federation", "audit", "--json", ...flags]));
  const rotate = (...flags: readonly string[]) =>
    wattseal(["federation", "rotate", "--receipt-log", "--json", "--state", state, ...flags]);

  await demonstrate(state);
  const seen = `${folder}/seen`;
  const first = await audit("--state", state, "--seen", seen);
  const [old] = first.keys as [string];

  const begun = await rotate();
  expect(begun.status, begun.stderr).toBe(0);
  const { log, vkeys } = JSON.parse(begun.stdout);
  const next = vkeys[1];
  expect(vkeys).toEqual([old, expect.stringMatching(`^${log}\\+`)]);
  // under the old key alone is what the store has: no worker could go on with the next one alone
  expect((await rotate("--finish", "--yes")).status).toBe(2);

  const { federation, queries } = await queried(state, token);
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect(await (await fetch(`${queries}/v1/fleet`, { headers })).json()).toMatchObject({
    receiptLog: old,
    nextReceiptLog: next,
  });
  const trust = ["--trust", `${state}/federation/trust.json`];
  const asked = ["--url", queries, "--token", token, ...trust, "--key", next, "--key", old];
  expect(await audit(...asked)).toMatchObject({ verified: true, keys: [next, old] });
  expect(await federation.stop()).toBe(0);

  const finished = await rotate("--finish", "--yes");
  expect(JSON.parse(finished.stdout)).toMatchObject({ vkeys: [next] });
  await demonstrate(state);
  const behind = await audit("--state", state, "--key", old);
  expect(behind.findings).toMatchObject([{ fault: "head" }]);
  // an auditor that was away meanwhile: what it saw was under the old key
  const away = ["--state", state, "--key", old, "--key", next, "--seen", seen];
  const back = await audit(...away);
  expect(back).toMatchObject({ verified: true, extended: true, keys: [next] });
  expect(back.leaves).toBeGreaterThan(first.leaves);
  // and it has seen a head under the next one now
  expect(await audit("--state", state, "--seen", seen)).toMatchObject({
    verified: true,
    extended: true,
    keys: [next],
  });
}, 300_000);
