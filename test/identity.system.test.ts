import { randomBytes } from "node:crypto";
import { expect, it, vi } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

/** A running gateway of a demonstration pack, and the command line against it. */
async function running(tpm: string) {
  const state = `${await temporaryFolder()}/state`;
  const made = ["init", "--demo", "--tpm", tpm, "--state", state, "--modules", "1"];
  expect((await wattseal(made)).status).toBe(0);
  const sim = new Role(["sim", "--state", state, "--speed", "60"]);
  await sim.line(({ msg }) => msg === "sim.running");
  const gateway = new Role(["gateway", "--state", state]);
  await gateway.line(({ msg }) => msg === "control.listening");
  return { state, gateway, trust: `${state}/gateway/trust.json` };
}

for (const tpm of ["none", "swtpm"]) {
  const missing = tpm === "swtpm" && !hasSwtpm;
  it.skipIf(missing)(
    `answers a nonce with keys in ${tpm === "none" ? "files" : `an emulated TPM${NEEDS_SWTPM}`}`,
    async () => {
      const { state, trust, gateway } = await running(tpm);
      const nonce = randomBytes(32).toString("hex");
      const out = `${state}/answer`;
      const asked = ["identity", "attest", "--state", state, "--nonce", nonce, "--out", out];
      expect(await wattseal([...asked, "--json"])).toMatchObject({ status: 0, stderr: "" });
      const checked = await wattseal(["verify", out, "--nonce", nonce, "--trust", trust, "--json"]);
      const said = JSON.parse(checked.stdout);
      expect(said).toMatchObject({ verified: true, binding: "software", state: "software" });
      expect(said.bootVersion).toBe(tpm === "none" ? 0 : 1);
      const old = ["verify", out, "--nonce", "00".repeat(32)];
      expect((await wattseal(old)).status).toBe(1);

      const { signer } = JSON.parse(
        (await wattseal(["status", "--state", state, "--json"])).stdout,
      );
      expect(signer).toMatchObject({
        tpm: tpm === "none" ? "none" : "emulator",
        epoch: { state: "software" },
        halves: [{ state: "open" }],
      });
      await gateway.kill();
      const shown = await wattseal([
        "identity",
        "show",
        "--state",
        state,
        "--trust",
        trust,
        "--json",
      ]);
      expect(JSON.parse(shown.stdout)).toMatchObject({
        verdict: "verified",
        epochs: [{ epoch: signer.epoch.epoch, state: "software", entry: 1 }],
      });
    },
  );
}
