import { readdir, readFile, writeFile } from "node:fs/promises";
import { lctId } from "@wattseal/base";
import { decodePackPairing } from "@wattseal/device-keys";
import { enrol, softwareApplicant } from "@wattseal/lct-keys";
import { CC, handlesFrom, PT, property } from "@wattseal/tpm2";
import { Swtpm } from "@wattseal/tpm2/testing";
import { encodeTrust } from "@wattseal/verifier";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WITNESS } from "../packages/federation/src/fleet.fixture.js";
import { listenForAnyone } from "../packages/federation/src/registry/http/server.js";
import {
  anchorOf,
  ISSUER,
  requestOf,
  TestRegistry,
} from "../packages/federation/src/registry/registry.fixture.js";
import { Cutter, type Step, wayToRegistry, wayToTpm } from "./support/cut.js";
import { temporaryFolder, wattseal } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

// The program is started again and again, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

/** A registry that listens, a token of it, and the command that uses it. */
async function enrolling(tpm: string, cutter: Cutter, instead?: (m: string, a: Buffer) => Buffer) {
  const folder = await temporaryFolder();
  const state = `${folder}/pack`;
  const test = await TestRegistry.open();
  const { registry, clock, logger } = test;
  const server = await listenForAnyone({
    registry,
    clock,
    logger,
    host: "127.0.0.1",
    port: 0,
  });
  onTestFinished(async () => {
    await server.close();
    await test.remove();
  });
  const trust = {
    authorities: [{ name: "fleet", publicKey: ISSUER.publicKey }],
    witnesses: [{ name: WITNESS.name, publicKeys: [WITNESS.publicKey] }],
    quorum: 1,
  };
  await writeFile(`${folder}/trust.json`, encodeTrust(trust));
  await writeFile(`${folder}/token`, (await registry.grant({ context: ["depot 3"] })).token);
  const url = await wayToRegistry(server.url, cutter.isCut, instead);
  const files = ["--trust", `${folder}/trust.json`, "--token", `${folder}/token`];
  const init = ["init", "--state", state, "--tpm", tpm, "--enrol", url, ...files, "--yes"];
  return { folder, gateway: `${state}/gateway`, test, init: [...init, "--json"] };
}

/** The registry has made one document, with its one token; the pack has that. */
async function onlyDocument({ test, gateway }: Awaited<ReturnType<typeof enrolling>>) {
  const [made, ...more] = await test.store.lcts("", 10);
  expect(more).toEqual([]);
  expect(made?.state).toBe("active");
  expect((await test.store.tokens()).map(({ spentOn }) => spentOn)).toEqual([made?.lct]);
  expect(new Uint8Array(await readFile(`${gateway}/lct.cose`))).toEqual(made?.document);
  expect(await readdir(gateway)).not.toContain("lct.pending");
  return made?.lct;
}

const HALF = /^(rename|link) .*half-[0-9a-f]+\.(sealed|key)$/;
/** What init does for good, in its order. */
const IN_TPM: readonly Step[] = [
  { file: /^rename tpm\.plan$/ },
  { tpm: CC.evictControl }, // storage root
  { tpm: CC.evictControl }, // attestation key
  { file: /^rename tpm\.plan$/ }, // the anchor's blob
  { tpm: CC.evictControl }, // anchor
  { tpm: CC.nvDefineSpace }, // epoch counter
  { tpm: CC.nvIncrement },
  { tpm: CC.nvDefineSpace }, // version counter
  { tpm: CC.nvIncrement },
  { file: /^rename tpm\.cbor$/ },
  { file: /^rm tpm\.plan$/ },
];
const ENROLLED: readonly Step[] = [
  { http: "POST" },
  { file: /^rename lct\.pending$/ },
  { http: "PUT" },
  { file: /^rename lct\.cose$/ },
  { file: /^rm lct\.pending$/ },
  { file: HALF },
  { file: /^rename pairings\.cbor$/ },
  { file: /^rename trust\.json$/ },
];

async function contents(swtpm: Swtpm) {
  return swtpm.use(async (tpm) => ({
    keys: (await handlesFrom(tpm, 0x81000000)).length,
    indices: (await handlesFrom(tpm, 0x01000000)).length,
    wrongGuesses: await property(tpm, PT.lockoutCounter),
  }));
}

describe.skipIf(!hasSwtpm)(`init with a TPM${NEEDS_SWTPM}`, () => {
  it("killed after each thing that it does for good, one after the other, ends with one identity and nothing beside it", async () => {
    const swtpm = await Swtpm.start();
    onTestFinished(() => swtpm.remove());
    const cutter = new Cutter();
    const at = await enrolling(`swtpm:${await wayToTpm(swtpm, cutter.isCut)}`, cutter);
    expect((await wattseal(["policy", "key", "--out", `${at.folder}/update.pem`])).status).toBe(0);
    const init = [...at.init, "--update-key", `${at.folder}/update.pem.pub`];
    for (const step of [...IN_TPM, ...ENROLLED]) await cutter.killed(init, step);
    const finished = await wattseal(init);
    expect(finished).toMatchObject({ status: 0, stderr: "" });

    expect(JSON.parse(finished.stdout).lct).toBe(await onlyDocument(at));
    expect(await contents(swtpm)).toEqual({ keys: 3, indices: 2, wrongGuesses: 0 });
    const { packHalf } = decodePackPairing(await readFile(`${at.gateway}/pairings.cbor`));
    expect((await readdir(`${at.gateway}/signer`)).sort()).toEqual(
      [packHalf.reference, "tpm.cbor"].sort(),
    );
  });
});

it("killed while its secrets are written to files, init keeps one copy of each", async () => {
  const cutter = new Cutter();
  const at = await enrolling("none", cutter);
  await cutter.killed(at.init, { file: /^link anchor\.pem$/ });
  await cutter.killed(at.init, { file: HALF });
  expect(await wattseal(at.init)).toMatchObject({ status: 0, stderr: "" });
  await onlyDocument(at);
  const { packHalf } = decodePackPairing(await readFile(`${at.gateway}/pairings.cbor`));
  expect((await readdir(`${at.gateway}/signer`)).sort()).toEqual([
    "anchor.pem",
    packHalf.reference,
  ]);
});

it("an answer that is lost costs a second call and nothing else, the document's own too", async () => {
  const cutter = new Cutter();
  const at = await enrolling("none", cutter);
  for (const http of ["POST", "PUT"] as const) {
    const cut = await cutter.unanswered(at.init, { http });
    expect([cut.status, cut.stderr]).toEqual([3, expect.stringContaining("no registry answers")]);
  }
  const [issued] = await at.test.store.lcts("", 10);
  expect(issued).toMatchObject({ state: "active" });
  const lost = await cutter.unanswered(at.init, { http: "GET" });
  expect(lost.status).toBe(3);
  at.test.pass(48 * 3_600_000); // the challenge is over, and so is the token's time
  const finished = await wattseal(at.init);
  expect(finished).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse(finished.stdout)).toMatchObject({ lct: issued?.lct, binding: "software" });
  expect(await onlyDocument(at)).toBe(issued?.lct);
});

it("takes no other pack's document, whatever a registry shows or gives", async () => {
  const cutter = new Cutter();
  const answers = new Map<string, Buffer>();
  const at = await enrolling("none", cutter, (method, answer) => answers.get(method) ?? answer);
  const { token } = await at.test.registry.grant({});
  const anchor = anchorOf("other");
  const { challenge } = await at.test.registry.request(token, requestOf(anchor));
  const wish = { kind: "pack", context: [], authorities: [ISSUER.publicKey] } as const;
  const { document: other } = await enrol(softwareApplicant(anchor), at.test.under(token), wish);

  answers.set("POST", Buffer.from(challenge));
  const shown = await wattseal(at.init);
  expect([shown.status, shown.stderr]).toEqual([3, expect.stringContaining("not to be trusted")]);
  expect(await readdir(at.gateway)).not.toContain("lct.cose");
  answers.clear();

  // Once it has proven itself, it asks by the id; what comes has to be of that id.
  await cutter.unanswered(at.init, { http: "PUT" });
  const reply = { lct: other.lct, state: "active", since: at.test.now, statements: [] };
  const document = Buffer.from(other.bytes).toString("base64");
  answers.set("GET", Buffer.from(JSON.stringify({ ...reply, document })));
  const given = await wattseal(at.init);
  expect([given.status, given.stderr]).toEqual([3, expect.stringContaining(other.lct)]);
  expect(await readdir(at.gateway)).not.toContain("lct.cose");
  answers.clear();
  const finished = await wattseal(at.init);
  expect(finished).toMatchObject({ status: 0, stderr: "" });
  expect(lctId(JSON.parse(finished.stdout).lct)).not.toBe(other.lct);
});
