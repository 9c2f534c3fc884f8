import { readFile, writeFile } from "node:fs/promises";
import { lctId } from "@wattseal/base";
import { RegistryClient } from "@wattseal/federation";
import { expect, it, vi } from "vitest";
import { DemoAuthority, hasOpenssl } from "../scripts/lib/deploy/authority.mjs";
import { statusOnce } from "./support/board.js";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

const SECTION = "[registry]\n";

/** A fleet whose registry listens with a certificate, and the pack that it has. */
async function fleet(folder: string, authority: DemoAuthority) {
  const state = `${folder}/fleet`;
  const demo = ["init", "--demo", "--tpm", "none", "--state", state, "--modules", "1", "--json"];
  const { lct } = JSON.parse((await wattseal(demo)).stdout);
  const config = `${state}/federation/federation.toml`;
  const { certificate, key } = authority.issue("registry", { hosts: ["127.0.0.1"] });
  const [others, own = ""] = (await readFile(config, "utf8")).split(SECTION);
  const listening = own
    .replace('listen = ""', 'listen = "127.0.0.1:0"')
    .replace('certificate = ""', `certificate = "${certificate}"`)
    .replace('certificateKey = ""', `certificateKey = "${key}"`);
  await writeFile(config, `${others}${SECTION}${listening}`);
  const role = new Role(["federation", "--state", state, "--port", "0"]);
  const { registry, broker } = await role.line(({ msg }) => msg === "federation.running");
  return { state, role, lct: lctId(lct), url: String(registry), broker: String(broker) };
}

it.skipIf(!hasOpenssl())(
  `a replaced board succeeds the old one, over TLS, and the old one is refused from then on${hasOpenssl() ? "" : " (skipped: openssl is not installed)"}`,
  async () => {
    const folder = await temporaryFolder();
    const authority = new DemoAuthority(`${folder}/ca`);
    const at = await fleet(folder, authority);
    const sim = new Role(["sim", "--state", at.state, "--speed", "60"]);
    await sim.line(({ msg }) => msg === "sim.running");
    new Role(["gateway", "--state", at.state, "--broker", at.broker]);
    await at.role.line(({ msg }) => msg === "federation.pack-contact");
    await statusOnce(at.state, ({ log }) => log.witnessed > 0);

    const grant = ["federation", "token", "--succeeds", at.lct, "--state", at.state];
    const granted = await wattseal(grant);
    expect(granted.status).toBe(0);
    const state = `${folder}/board`;
    const trust = `${at.state}/gateway/trust.json`;
    const where = ["--state", state, "--tpm", "none", "--enrol", at.url, "--trust", trust];
    const init = (...flags: string[]) =>
      wattseal(["init", ...where, "--token", "-", "--yes", "--json", ...flags], {
        input: granted.stdout,
      });

    const other = new DemoAuthority(`${folder}/other`);
    for (const ca of [[], ["--ca", other.certificate]]) {
      const doubting = await init("--succeeds", at.lct, ...ca);
      expect([doubting.status, doubting.stderr]).toEqual([3, expect.stringContaining("--ca")]);
    }
    const unsaid = await init("--ca", authority.certificate);
    expect([unsaid.status, unsaid.stderr]).toEqual([2, expect.stringContaining("enrol-grant")]);
    const made = await init("--ca", authority.certificate, "--succeeds", at.lct);
    expect(made).toMatchObject({ status: 0, stderr: "" });

    const { lct } = JSON.parse(made.stdout);
    const shown = await wattseal(["identity", "show", "--state", state, "--trust", trust]);
    expect(shown.stdout).toMatch(new RegExp(`^links +succeeds ${at.lct}$`, "m"));
    const ca = await readFile(authority.certificate, "utf8");
    const registry = new RegistryClient({ url: at.url, ca });
    expect(await registry.standing(at.lct)).toMatchObject({ state: "retired" });
    expect(await registry.standing(lctId(lct))).toMatchObject({ state: "active" });
    const revoked = await at.role.line(({ msg }) => msg === "federation.pack-revoked");
    expect(revoked).toMatchObject({ pack: at.lct.slice("lct:pack:".length), state: "retired" });
  },
);
