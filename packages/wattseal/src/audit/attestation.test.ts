import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis, toHex } from "@wattseal/base";
import { Ed25519SecretKey, issueLctDocument, P256SecretKey } from "@wattseal/lct-keys";
import { attestSignedBytes, encodeAttestationFile } from "@wattseal/lct-keys/verify";
import { encodeTrust } from "@wattseal/verifier";
import { afterAll, expect, it } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { runProgram } from "../program.fixture.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-attestation-"));
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
const FILE = at("answer");
const TRUST = at("trust.json");
const NONCE = new Uint8Array(32).fill(9);

const authority = Ed25519SecretKey.generate(systemEntropy);
const anchor = P256SecretKey.generate(systemEntropy);
const document = issueLctDocument(authority, {
  kind: "pack",
  class: "responsive",
  anchor: { type: "p256", publicKey: anchor.publicKey },
  binding: "software",
  strengthBps: 4000,
  context: [],
  created: millis(0),
  witnesses: [],
  mrh: [],
});
const authorities = [{ name: "the authority", publicKey: authority.publicKey }];
writeFileSync(TRUST, encodeTrust({ authorities, witnesses: [], quorum: 1 }));
const signature = anchor.sign(attestSignedBytes(NONCE));
const tpm = { quote: undefined, nvCertify: undefined, approval: undefined };
writeFileSync(FILE, encodeAttestationFile({ document, nonce: NONCE, signature, ...tpm }));

it("says whose answer it is, what the anchor is worth, and whether it answers the asker", async () => {
  const nonce = ["--nonce", toHex(NONCE)];
  const { status, stdout } = await runProgram("verify", FILE, "--trust", TRUST, ...nonce, "--json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    verified: true,
    verdict: "verified",
    binding: "software",
    state: "software",
    bootVersion: 0,
    nonce: toHex(NONCE),
    fresh: true,
  });
  const text = await runProgram("verify", FILE);
  expect(text.stdout).toMatch(/^nonce {6}(09){32}: an answer to you only if you drew it/m);
  expect(text.stdout).toMatch(/^verdict {4}self-consistent only$/m);
});

it("refuses an answer to another nonce, and a nonce where nothing answers one", async () => {
  const other = await runProgram("verify", FILE, "--nonce", "00".repeat(32), "--json");
  expect(other.status).toBe(1);
  expect(JSON.parse(other.stdout)).toMatchObject({ verified: false, verdict: "refused" });
  const nonce = ["--nonce", toHex(NONCE)];
  await expect(runProgram("verify", TRUST, ...nonce)).rejects.toThrow(/--nonce is for/);
  await expect(runProgram("verify", FILE, "--nonce", "0102")).rejects.toThrow();
});
