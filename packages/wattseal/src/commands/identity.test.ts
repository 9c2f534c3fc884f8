import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moduleUid, toHex } from "@wattseal/base";
import { labelText } from "@wattseal/device-keys";
import { createEd25519KeyFile, formatP256PublicKey, P256SecretKey } from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { encodeTrust } from "@wattseal/verifier";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writtenPack } from "../export/pack.fixture.js";
import { systemEntropy } from "../ports/system.js";
import { runProgram } from "../program.fixture.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-identity-"));
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(root, name);
const AUTHORITY = at("authority.pem");
const TRUST = at("trust.json");
const HALF = new Uint8Array(32).fill(7);
const UID = moduleUid("5d01000000000001");
const SOCIETY = `lct:society:${"a".repeat(32)}`;

beforeAll(async () => {
  const authority = await createEd25519KeyFile(AUTHORITY, systemEntropy);
  const authorities = [{ name: "the authority", publicKey: authority.publicKey }];
  writeFileSync(TRUST, encodeTrust({ authorities, witnesses: [] }));
  const { publicKey } = P256SecretKey.generate(systemEntropy);
  writeFileSync(at("alice.pub"), formatP256PublicKey(publicKey));
  writeFileSync(at("rules.txt"), "Charge by day.");
});

let files = 0;
async function issued(...words: string[]) {
  const file = at(`${files++}.cose`);
  const flags = ["--authority", AUTHORITY, "--out", file, "--json"];
  const { status, stdout } = await runProgram("identity", "issue", ...flags, ...words);
  const { lct } = JSON.parse(stdout);
  expect(status).toBe(0);
  const document = verifyLctDocument(readFileSync(file), "self-consistent");
  expect(document.lct).toBe(lct);
  return { file, document };
}

it("issues a person with a key, a context and links", async () => {
  const { file, document } = await issued(
    ...["--kind", "person", "--anchor", at("alice.pub"), "--binding", "secure-element"],
    ...["--strength", "70", "--context", "fleet demo", "--context", "depot 3"],
    ...["--link", `witnessing=${SOCIETY}`, "--witness", SOCIETY],
  );
  expect(document).toMatchObject({
    kind: "person",
    class: "agentic",
    binding: "secure-element",
    strengthBps: 7000,
    context: ["fleet demo", "depot 3"],
    witnesses: [SOCIETY],
    mrh: [{ relation: "witnessing", lct: SOCIETY }],
  });
  const shown = await runProgram("identity", "show", file, "--trust", TRUST);
  expect(shown.status).toBe(0);
  expect(shown.stdout).toMatch(/^lct {8}lct:person:[a-z2-7]{32}$/m);
  expect(shown.stdout).toMatch(/^binding {4}secure-element, strength 70 % of at most 85 %$/m);
  expect(shown.stdout).toMatch(/^issuer {5}the authority, Ed25519 [0-9a-f]{64}$/m);
  expect(shown.stdout).toMatch(/^verdict {4}verified$/m);
});

it("issues an app, a society, a policy by its words, and a module by half and label", async () => {
  const app = await issued("--kind", "app", "--anchor", at("alice.pub"));
  expect(app.document).toMatchObject({
    class: "responsive",
    binding: "unknown",
    strengthBps: 4000,
  });
  const society = await issued("--kind", "society", "--anchor", at("alice.pub"));
  expect(society.document.class).toBe("delegative");
  const policy = await issued("--kind", "policy", "--text", at("rules.txt"));
  expect(policy.document.anchor).toEqual({ type: "policy", text: "Charge by day." });
  const module = ["--kind", "module", "--half", toHex(HALF), "--uid", UID, "--binding", "mcu"];
  const { document } = await issued(...module, "--label", labelText(UID, HALF));
  expect(document.anchor).toEqual({ type: "x25519", publicKey: HALF });
  expect(document.context).toEqual([`module ${UID}`, `label ${labelText(UID, HALF)}`]);
});

it("refuses what does not go together, and says what does", async () => {
  const tried = (...words: string[]) =>
    runProgram("identity", "issue", "--authority", AUTHORITY, "--out", at("never"), ...words);
  const key = ["--anchor", at("alice.pub")];
  const module = ["--kind", "module", "--half", toHex(HALF), "--uid", UID];
  const wrong = labelText(UID, new Uint8Array(32));
  await expect(tried(...module, "--label", wrong)).rejects.toThrow(/not that of this --half/);
  await expect(tried(...module, "--label", "12345")).rejects.toThrow(/label/);
  await expect(tried(...module)).rejects.toThrow(/--label/);
  await expect(tried("--kind", "policy", ...key)).rejects.toThrow(/--anchor does not go with/);
  await expect(tried("--kind", "app")).rejects.toThrow(/--anchor FILE/);
  await expect(tried("--kind", "app", ...key, "--text", at("rules.txt"))).rejects.toThrow(/--text/);
  await expect(tried("--kind", "app", "--anchor", AUTHORITY)).rejects.toThrow(/no public key/);
  await expect(tried("--kind", "app", ...key, "--strength", "50")).rejects.toThrow(/strength/);
  await expect(tried("--kind", "app", ...key, "--binding", "tpm")).rejects.toThrow();
  await expect(tried("--kind", "robot", ...key)).rejects.toThrow();
  await expect(tried("--kind", "app", ...key, "--link", `owns=${SOCIETY}`)).rejects.toThrow();
  const taken = ["--kind", "app", ...key, "--out", at("alice.pub")];
  await expect(tried(...taken)).rejects.toThrow(/is there already/);
});

it("shows an untrusted issuer, or a damaged document, as refused", async () => {
  const { file } = await issued("--kind", "app", "--anchor", at("alice.pub"));
  const alone = await runProgram("identity", "show", file, "--json");
  expect(JSON.parse(alone.stdout)).toMatchObject({ verdict: "self-consistent only", kind: "app" });
  const other = await createEd25519KeyFile(at("other.pem"), systemEntropy);
  const authorities = [{ name: "another", publicKey: other.publicKey }];
  writeFileSync(at("other.json"), encodeTrust({ authorities, witnesses: [] }));
  const refused = await runProgram("identity", "show", file, "--trust", at("other.json"));
  expect(refused.status).toBe(1);
  expect(refused.stdout).toMatch(/^verdict {4}refused\nreason .* not a trusted authority$/m);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(at("damaged"), bytes);
  const damaged = await runProgram("identity", "show", at("damaged"), "--json");
  expect([damaged.status, JSON.parse(damaged.stdout).verdict]).toEqual([1, "refused"]);
  await expect(runProgram("identity", "show")).rejects.toThrow(/--state/);
  await expect(runProgram("identity", "show", at("none"))).rejects.toThrow(/cannot be read/);
});

it("shows a gateway's identity with its anchor and the epochs of its log", async () => {
  const { layout } = await writtenPack(at("pack"));
  const shown = await runProgram("identity", "show", "--state", layout.root, "--json");
  const said = JSON.parse(shown.stdout);
  expect(said).toMatchObject({ kind: "pack", binding: "software", statuses: [] });
  expect(said.epochs[0]).toMatchObject({ entry: 1, epoch: 1, state: "software" });
  const text = await runProgram("identity", "show", "--state", layout.root);
  expect(text.stdout).toMatch(/^epochs {5}1 software, /m);
});
