import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis, sha256, toHex } from "@wattseal/base";
import {
  Ed25519SecretKey,
  issueLctDocument,
  P256SecretKey,
  parseP256PublicKey,
} from "@wattseal/lct-keys";
import {
  decodeBootApproval,
  verifyBootApproval,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { ALG, encodeNvPublic, NV } from "@wattseal/tpm2/verify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { runProgram } from "../program.fixture.js";
import { layoutOf } from "../state/layout.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-policy-"));
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
const KEY = at("update.pem");
const PACK = layoutOf(at("pack")).gateway;

const point = () => P256SecretKey.generate(systemEntropy).publicKey;
const counter = (index: number) =>
  encodeNvPublic({
    index,
    nameAlgorithm: ALG.sha256,
    attributes: NV.counter | NV.written,
    authPolicy: new Uint8Array(0),
    size: 8,
  });

/** A document of a pack whose boot is judged by PCR 0 and 7. */
function packDocument(updateKey: Uint8Array | undefined): Uint8Array {
  const boot = updateKey && { updateKey, versionIndex: counter(0x1800002), base: 0 };
  return issueLctDocument(Ed25519SecretKey.generate(systemEntropy), {
    kind: "pack",
    class: "responsive",
    anchor: { type: "p256", publicKey: point() },
    binding: updateKey ? "tpm" : "tpm-unmeasured",
    strengthBps: 0,
    context: [],
    created: millis(0),
    witnesses: [],
    mrh: [],
    attestation: {
      attestationKey: point(),
      counter: counter(0x1800001),
      storage: Uint8Array.of(ALG.sha256 >> 8, ALG.sha256 & 0xff, ...new Uint8Array(32)),
      pcrs: [0, 7],
      boot,
    },
  });
}

const ONES = "1".repeat(64);
const TWOS = "2".repeat(64);
const DIGEST = sha256(new Uint8Array([...Buffer.from(ONES, "hex"), ...Buffer.from(TWOS, "hex")]));

beforeAll(async () => {
  const { status } = await runProgram("policy", "key", "--out", KEY);
  expect(status).toBe(0);
  mkdirSync(PACK.boot, { recursive: true });
  const updateKey = parseP256PublicKey(readFileSync(`${KEY}.pub`, "utf8"));
  writeFileSync(PACK.document, packDocument(updateKey));
  // As tpm2_pcrread sha1:0,7+sha256:0,1,7 prints.
  const sha1 = `  sha1:\n    0 : 0x${"3".repeat(40)}\n`;
  writeFileSync(
    at("pcrs.txt"),
    `${sha1}  sha256:\n    0 : 0x${ONES}\n    1 : 0x${ONES}\n    7 : 0x${TWOS.toUpperCase()}\n`,
  );
});

const sign = (...words: string[]) =>
  runProgram("policy", "sign", "--key", KEY, "--lct", PACK.document, ...words);

it("keeps the update key to its owner, and overwrites nothing", async () => {
  expect(statSync(KEY).mode & 0o777).toBe(0o600);
  await expect(runProgram("policy", "key", "--out", KEY)).rejects.toThrow(/is there already/);
});

it("signs an approval for the values that tpm2_pcrread printed", async () => {
  const out = join(PACK.boot, "2.boot");
  const flags = ["--version", "2", "--pcrs-from", at("pcrs.txt"), "--out", out, "--json"];
  const { status, stdout } = await sign(...flags);
  expect([status, JSON.parse(stdout)]).toMatchObject([0, { version: 2, pcrDigest: toHex(DIGEST) }]);
  const approval = decodeBootApproval(readFileSync(out));
  expect(approval.pcrDigest).toEqual(DIGEST);
  const document = verifyLctDocument(readFileSync(PACK.document), "self-consistent");
  expect(() => verifyBootApproval(document, approval)).not.toThrow();
  await expect(sign(...flags)).rejects.toThrow(/is there already/);
});

it("shows what lies in the folder, also what is not good there", async () => {
  const foreign = at("foreign.cose");
  const updateKey = parseP256PublicKey(readFileSync(`${KEY}.pub`, "utf8"));
  writeFileSync(foreign, packDocument(updateKey));
  const out = join(PACK.boot, "3.boot");
  const digest = ["--version", "3", "--digest", ONES, "--out", out];
  await runProgram("policy", "sign", "--key", KEY, "--lct", foreign, ...digest);
  writeFileSync(join(PACK.boot, "4.boot"), "nothing");
  const { status, stdout } = await runProgram("policy", "show", "--state", at("pack"), "--json");
  expect(status).toBe(0);
  const { pcrs, present, approvals } = JSON.parse(stdout);
  expect([pcrs, present]).toEqual([[0, 7], undefined]);
  const fits = approvals.map(({ fit }: { fit: string }) => fit);
  expect(fits[0]).toBe("not compared");
  expect(fits[1]).toMatch(/^refused: the boot approval is lct:pack:/);
  expect(fits[2]).toMatch(/^refused: /);
  const text = await runProgram("policy", "show", "--state", at("pack"));
  expect(text.stdout).toMatch(/2\.boot {2}version 2 {2}[0-9a-f]{64} {2}not compared$/m);
});

it("asks the TPM that the gateway is configured with", async () => {
  const uplink = 'fleet = "demo"\n[uplink]\nwitness = "witness"\n';
  writeFileSync(PACK.config, `${uplink}[signer]\ntpm = "swtpm:away.sock"\n`);
  const shown = runProgram("policy", "show", "--state", at("pack"));
  await expect(shown).rejects.toMatchObject({
    code: "tpm-unreachable",
    message: expect.stringContaining(join(PACK.directory, "away.sock")),
  });
  rmSync(PACK.config);
});

it("refuses other keys, packs without an update key, and values that are not there", async () => {
  const to = ["--version", "1", "--out", at("never.boot")];
  await runProgram("policy", "key", "--out", at("other.pem"));
  const digest = ["--digest", ONES];
  const other = ["--key", at("other.pem"), "--lct", PACK.document, ...to, ...digest];
  await expect(runProgram("policy", "sign", ...other)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("--key does not go with --lct"),
  });
  writeFileSync(at("unmeasured.cose"), packDocument(undefined));
  const unmeasured = ["--key", KEY, "--lct", at("unmeasured.cose"), ...to, ...digest];
  await expect(runProgram("policy", "sign", ...unmeasured)).rejects.toThrow(/names no update key/);
  const nowhere = ["--version", "1", "--out", at("never"), ...digest];
  await expect(sign(...nowhere)).rejects.toThrow(/end in \.boot/);
  await expect(sign(...to)).rejects.toThrow(/one of --pcrs-from, --tpm and --digest/);
  writeFileSync(at("short.txt"), `sha256:\n 0 : 0x${ONES}\n`);
  await expect(sign(...to, "--pcrs-from", at("short.txt"))).rejects.toThrow(/PCR 7/);
  const zero = ["--version", "0", "--out", at("never"), ...digest];
  await expect(sign(...zero)).rejects.toThrow();
});
