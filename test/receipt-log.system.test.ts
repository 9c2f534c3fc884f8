import { cp, rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { type Finished, Role, temporaryFolder, wattseal } from "./support/program.js";

const RUN = ["--modules", "1", "--speed", "max", "--for", "2s", "--tpm", "none"];
const TOKEN = "receipt-log-audit-token";

interface Audit {
  readonly verified: boolean;
  readonly key: string;
  readonly leaves: number;
  readonly findings: readonly { readonly fault: string }[];
  readonly statements: Readonly<Record<string, number>>;
  readonly extended: boolean;
}

async function demonstrate(state: string): Promise<void> {
  const run = await wattseal(["start", ...RUN, "--state", state]);
  expect(run.status, run.stderr).toBe(0);
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
  await cp(`${state}/federation/store`, `${folder}/backup`, { recursive: true });

  await demonstrate(state);
  const second = await stored();
  expect(second).toMatchObject({ verified: true, extended: true, key: first.key });
  expect(second.leaves).toBeGreaterThan(first.leaves);

  const token = `${folder}/token`;
  await writeFile(token, TOKEN, { mode: 0o600 });
  const federation = new Role(["federation", "--state", state, "--port", "0"], {
    WATTSEAL_QUERY_LISTEN: "127.0.0.1:0",
    WATTSEAL_QUERY_TOKENFILE: token,
  });
  const { queries } = await federation.line(({ msg }) => msg === "federation.running");
  const trust = ["--trust", `${state}/federation/trust.json`];
  const asked = ["--url", String(queries), "--token", token, "--key", second.key, ...trust];
  expect(await audit(...asked)).toMatchObject({ verified: true, leaves: second.leaves });
  expect(await federation.stop()).toBe(0);

  await rm(`${state}/federation/store`, { recursive: true });
  await cp(`${folder}/backup`, `${state}/federation/store`, { recursive: true });
  const back = await stored();
  expect(back.findings.map(({ fault }) => fault)).toEqual(["split", "unlogged"]);
});
