import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { handlesFrom } from "@wattseal/tpm2";
import { Swtpm } from "@wattseal/tpm2/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { hasMaker, Maker, NEEDS_MAKER } from "./support/maker.js";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

// Several processes are started one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

/** A fleet whose registry listens, and takes the maker's root for hardware's. */
async function fleet(folder: string, roots = "") {
  const state = `${folder}/fleet`;
  await demoState(state, "--modules", "1");
  const config = `${state}/federation/federation.toml`;
  const text = (await readFile(config, "utf8"))
    .replace('listen = ""', 'listen = "127.0.0.1:0"')
    .replace('roots = ""', `roots = "${roots}"`);
  await writeFile(config, text);
  const role = new Role(["federation", "--state", state, "--port", "0"]);
  const { registry, broker } = await role.line(({ msg }) => msg === "federation.running");
  const token = async (...flags: string[]) => {
    const granted = await wattseal(["federation", "token", "--state", state, ...flags]);
    expect(granted.status).toBe(0);
    await writeFile(`${folder}/token`, granted.stdout);
    return `${folder}/token`;
  };
  return {
    state,
    url: String(registry),
    broker: String(broker),
    trust: `${state}/gateway/trust.json`,
    token,
  };
}

type Fleet = Awaited<ReturnType<typeof fleet>>;

const init = ({ url, trust, broker }: Fleet, state: string, token: string, ...flags: string[]) =>
  wattseal([
    ...["init", "--state", state, "--enrol", url, "--trust", trust, "--token", token],
    ...["--broker", broker, "--yes", "--json", ...flags],
  ]);

/** A gateway needs a bus, and a pack without modules has none of its own. */
async function busOf({ state }: Fleet) {
  const sim = new Role(["sim", "--state", state]);
  await sim.line(({ msg }) => msg === "sim.running");
  return `unix:${state}/sim/bus.sock`;
}

it("enrols a pack with key files, once, and its gateway is witnessed", async () => {
  const folder = await temporaryFolder();
  const at = await fleet(folder);
  const state = `${folder}/pack`;
  const token = await at.token("--context", "depot 3");
  const asked = [
    "init",
    "--state",
    state,
    "--enrol",
    at.url,
    "--trust",
    at.trust,
    "--token",
    token,
  ];
  const unsure = await wattseal([...asked, "--tpm", "none"]);
  expect([unsure.status, unsure.stderr]).toEqual([2, expect.stringContaining("--yes")]);
  const unsaid = await wattseal([...asked, "--yes"]);
  expect([unsaid.status, unsaid.stderr]).toEqual([2, expect.stringContaining("--tpm")]);

  const made = await init(at, state, token, "--tpm", "none");
  expect(made).toMatchObject({ status: 0, stderr: "" });
  const { lct, binding } = JSON.parse(made.stdout);
  expect(binding).toBe("software");
  expect((await stat(`${state}/gateway/signer/anchor.pem`)).mode & 0o777).toBe(0o600);
  const shown = await wattseal([
    "identity",
    "show",
    "--state",
    state,
    "--trust",
    at.trust,
    "--json",
  ]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    lct,
    verdict: "verified",
    context: ["depot 3"],
  });
  const again = await init(at, state, token, "--tpm", "none");
  expect([again.status, again.stderr]).toEqual([2, expect.stringContaining("never overwritten")]);
  const other = await init(at, `${folder}/other`, token, "--tpm", "none");
  expect([other.status, other.stderr]).toEqual([
    2,
    expect.stringContaining("registry refuses (token)"),
  ]);
  expect(other.stderr).toContain(`go on with --state ${folder}/other`);

  const gateway = new Role(["gateway", "--state", state, "--bus", await busOf(at)]);
  await gateway.line(({ msg }) => msg === "control.listening");
  await witnessed(state);

  const ask = ["--registry", at.url, "--trust", at.trust, "--json"];
  const standing = async () => {
    const asked = await wattseal(["identity", "show", "--state", state, ...ask]);
    return [asked.status, JSON.parse(asked.stdout).standing.state];
  };
  expect(await standing()).toEqual([0, "active"]);
  const voided = ["identity", "void", lct, "--reason", "board stolen", "--state", at.state];
  expect((await wattseal(voided)).status).toBe(0);
  expect(await standing()).toEqual([1, "void"]);
  const twice = await wattseal([...voided, "--json"]);
  expect([twice.status, JSON.parse(twice.stdout).code]).toEqual([1, "final"]);
});

/** Until a receipt covers something of its log. */
async function witnessed(state: string): Promise<void> {
  for (;;) {
    const { stdout } = await wattseal(["status", "--state", state, "--json"]);
    if (stdout !== "" && JSON.parse(stdout).log.witnessed > 0) return;
  }
}

describe.skipIf(!hasSwtpm)(`what init made in a TPM${NEEDS_SWTPM}`, () => {
  it("is given back: after a refusal for the asking, after a document when its end is said", async () => {
    const folder = await temporaryFolder();
    const [swtpm, other] = [await Swtpm.start(), await Swtpm.start()];
    onTestFinished(async () => {
      await swtpm.remove();
      await other.remove();
    });
    const at = await fleet(folder);
    const state = `${folder}/pack`;
    const tpm = ["--tpm", `swtpm:${swtpm.socket}`];
    const handles = () =>
      swtpm.use(async (asked) => [
        ...(await handlesFrom(asked, 0x81000000)),
        ...(await handlesFrom(asked, 0x01000000)),
      ]);
    const retire = async (...flags: string[]) => {
      const ended = await wattseal(["identity", "retire", "--state", state, ...flags]);
      return { ...ended, said: `${ended.status} ${ended.stderr}` };
    };
    const theirs = await handles();
    expect((await retire("--yes", ...tpm)).said).toMatch(/^2 .*records nothing in a TPM/);

    await writeFile(`${folder}/unknown`, "A".repeat(43));
    const refused = await init(at, state, `${folder}/unknown`, ...tpm);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining(`wattseal identity retire --state ${state} --tpm swtpm:`),
    ]);
    const made = (await handles()).filter((handle) => !theirs.includes(handle));
    expect(made).toHaveLength(4);

    expect((await retire("--yes")).said).toMatch(/^2 .*Name the TPM/);
    expect((await retire(...tpm)).said).toMatch(/^2 .*Say --yes/);
    const elsewhere = await retire("--yes", "--tpm", `swtpm:${other.socket}`);
    expect(elsewhere.said).toMatch(/^3 .*another TPM/);
    expect(await handles()).toEqual([...theirs, ...made]);
    const given = await retire("--yes", ...tpm);
    expect(given.said).toBe("0 ");
    for (const handle of made)
      expect(given.stdout).toContain(`0x${handle.toString(16).padStart(8, "0")}`);
    expect(await handles()).toEqual(theirs);

    // The folder is as good as new.
    const enrolled = await init(at, state, await at.token(), ...tpm);
    expect(enrolled).toMatchObject({ status: 0, stderr: "" });
    expect((await retire("--yes")).said).toMatch(/^2 .*--yes-the-lct-ends/);
    const ending = ["--yes", "--yes-the-lct-ends", "--json"];
    const bus = await busOf(at);
    const gateway = new Role(["gateway", "--state", state, "--bus", bus]);
    await gateway.line(({ msg }) => msg === "control.listening");
    expect((await retire(...ending)).said).toMatch(/^2 .*gateway of this folder runs/);
    await gateway.kill();
    const signer = new Role(["signer", "--state", state]);
    await signer.line(({ msg }) => msg === "signer.running");
    expect((await retire(...ending)).said).toMatch(/^2 .*signer of this folder runs/);
    await signer.kill();
    expect(await handles()).toHaveLength(theirs.length + 4);

    const ended = await retire(...ending);
    expect(ended.said).toBe("0 ");
    const { removed, halves } = JSON.parse(ended.stdout);
    expect([removed, halves]).toMatchObject([{ length: 4 }, { length: 1 }]);
    expect(await handles()).toEqual(theirs);
    expect(await readdir(`${state}/gateway/signer`)).not.toContain("tpm.cbor");
  });
});

describe.skipIf(!hasMaker)(`a board with a TPM${NEEDS_MAKER}`, () => {
  it("is enrolled as hardware, and attested once its boot is approved", async () => {
    const folder = await temporaryFolder();
    const swtpm = await Swtpm.start();
    onTestFinished(() => swtpm.remove());
    const maker = await Maker.start(`${folder}/maker`);
    await maker.make(swtpm);
    const at = await fleet(folder, maker.root);
    const bus = await busOf(at);
    const state = `${folder}/pack`;
    const tpm = `swtpm:${swtpm.socket}`;
    expect((await wattseal(["policy", "key", "--out", `${folder}/update.pem`])).status).toBe(0);
    const flags = [
      "--tpm",
      tpm,
      "--update-key",
      `${folder}/update.pem.pub`,
      "--ek-chain",
      maker.chain,
    ];
    const token = await at.token();
    const cut = await init({ ...at, url: "http://127.0.0.1:1" }, state, token, ...flags);
    expect([cut.status, cut.stderr]).toEqual([3, expect.stringContaining("no registry answers")]);
    const keys = await readFile(`${state}/gateway/signer/tpm.cbor`);
    const made = await init(at, state, token, ...flags);
    expect(await readFile(`${state}/gateway/signer/tpm.cbor`)).toEqual(keys);
    expect(made).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(made.stdout)).toMatchObject({ binding: "tpm", tpm });

    const stateOf = async () => {
      const gateway = new Role(["gateway", "--state", state, "--bus", bus]);
      await gateway.line(({ msg }) => msg === "control.listening");
      const { signer } = JSON.parse(
        (await wattseal(["status", "--state", state, "--json"])).stdout,
      );
      await gateway.kill();
      return signer;
    };
    expect(await stateOf()).toMatchObject({
      epoch: { state: "unattested" },
      halves: [{ state: "refused", reason: expect.stringContaining("approval-missing") }],
    });
    const lct = `${state}/gateway/lct.cose`;
    const sign = ["policy", "sign", "--key", `${folder}/update.pem`, "--lct", lct, "--tpm", tpm];
    await wattseal([...sign, "--version", "1", "--out", `${state}/gateway/boot/1.boot`]);
    const fits = await wattseal(["policy", "show", "--state", state, "--tpm", tpm, "--json"]);
    expect([fits.status, JSON.parse(fits.stdout).approvals]).toMatchObject([0, [{ fit: "fits" }]]);
    expect(await stateOf()).toMatchObject({
      binding: "tpm",
      epoch: { state: "attested" },
      halves: [{ state: "open" }],
    });
  });
});
