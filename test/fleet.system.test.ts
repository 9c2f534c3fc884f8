import { openStore, readStoredLog } from "@wattseal/federation";
import { LogStore } from "@wattseal/tlog/store";
import { packName } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { missingFor, site } from "./support/deployment.js";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

const fleet = (...args: readonly string[]) => wattseal(["sim", "fleet", "--packs", "3", ...args]);
const BRIEF = ["--for", "2s", "--rate", "50", "--json"];

/** The last line of a run with --json. */
function summaryOf({ stdout, stderr }: { stdout: string; stderr: string }) {
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(stderr);
  return JSON.parse(last) as Record<string, unknown>;
}

describe("sim fleet", () => {
  it("records valid logs that a federation in the process stores byte for byte, and goes on from them", async () => {
    const state = await temporaryFolder();
    const run = () => fleet("--embedded", "--state", `${state}/pack`, ...BRIEF);
    const first = await run();
    const before = summaryOf(first);
    expect(before, first.stderr).toMatchObject({
      ok: true,
      packs: 3,
      refused: 0,
      refusedByWorker: {},
      comparedByteForByte: true,
      differences: [],
    });
    expect(first.status).toBe(0);
    const second = await run();
    const after = summaryOf(second);
    expect(second.status, second.stderr).toBe(0);
    expect(after["witnessed"]).toBe(after["durable"]);
    expect(after["durable"]).toBeGreaterThan(Number(before["durable"]));
    for (const pack of ["0001", "0002", "0003"]) {
      const gateway = `${state}/pack/fleet/${pack}/gateway`;
      const audit = ["ledger", "audit", `${gateway}/log`, "--trust", `${gateway}/trust.json`];
      const { status, stdout } = await wattseal([...audit, "--json"]);
      expect(status, stdout).toBe(0);
    }
  });

  it("says no where entries are left without a receipt, and keeps them for the next run", async () => {
    const state = await temporaryFolder();
    const at = ["--state", `${state}/pack`, ...BRIEF];
    const alone = await fleet("--broker", "mqtt://127.0.0.1:1", "--drain", "100ms", ...at);
    expect(alone.status).toBe(1);
    expect(alone.stderr).toContain("have no receipt");
    const { durable } = summaryOf(alone);
    const joined = await fleet("--embedded", ...at);
    expect(joined.status, joined.stderr).toBe(0);
    expect(summaryOf(joined)["witnessed"]).toBeGreaterThan(Number(durable));
  });

  it.each([
    { args: [], says: "Say which" },
    { args: ["--embedded", "--broker", "mqtt://127.0.0.1:1"], says: "Say which" },
    { args: ["--broker", "mqtt://127.0.0.1:1"], says: "--state DIR is needed" },
    { args: ["--embedded", "--certificates", "."], says: "mqtts://" },
  ])("refuses $args, with what to do", async ({ args, says }) => {
    const { status, stderr } = await fleet(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(says);
  });
});

const skipped = missingFor("site");

describe("sim fleet at mosquitto, each pack with its own certificate", () => {
  it.skipIf(skipped !== "")(`is witnessed by the federation there${skipped}`, async () => {
    const { folder, certificates, broker } = await site();
    const state = `${folder}/state`;
    const named = await fleet("--names", "--state", state, "--json");
    const names = JSON.parse(named.stdout) as readonly string[];
    expect(names).toHaveLength(3);
    for (const name of names) certificates.authority.issue(name);
    const { certificate, key } = certificates.authority.issue("federation");
    const federation = new Role(["federation", "--state", state, "--broker", broker.url], {
      WATTSEAL_BROKER_CA: certificates.authority.certificate,
      WATTSEAL_BROKER_CERTIFICATE: certificate,
      WATTSEAL_BROKER_KEY: key,
    });
    await federation.line(({ msg }) => msg === "federation.running");
    const at = ["--broker", broker.url, "--certificates", `${folder}/certificates`];
    const ran = await fleet("--state", state, ...at, ...BRIEF);
    expect(summaryOf(ran), ran.stderr).toMatchObject({ ok: true, comparedByteForByte: false });
    expect(await federation.stop()).toBe(0);
    const directory = `${state}/federation/store`;
    const store = await openStore({ kind: "embedded", directory });
    try {
      for (const [i, name] of names.entries()) {
        const log = await LogStore.openReadOnly({
          directory: `${state}/fleet/000${i + 1}/gateway/log`,
        });
        const stored: Uint8Array[] = [];
        for await (const leaf of readStoredLog(store, packName(name))) stored.push(leaf);
        expect(Buffer.concat(stored).equals(Buffer.concat([...log.entries()]))).toBe(true);
        expect(stored.length).toBe(log.durableSize);
      }
    } finally {
      await store.close();
    }
  });
});
