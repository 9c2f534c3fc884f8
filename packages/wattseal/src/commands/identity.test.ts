import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LctId, type Millis, millis, moduleUid, toHex } from "@wattseal/base";
import { labelText } from "@wattseal/device-keys";
import { encodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import {
  createEd25519KeyFile,
  formatP256PublicKey,
  openEd25519KeyFile,
  P256SecretKey,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { encodeTrust } from "@wattseal/verifier";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
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
  writeFileSync(TRUST, encodeTrust({ authorities, witnesses: [], quorum: 1 }));
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
  writeFileSync(at("other.json"), encodeTrust({ authorities, witnesses: [], quorum: 1 }));
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
  const entry = await runProgram("ledger", "show", layout.gateway.log, "1");
  expect(entry.stdout).toMatch(/^ {2}state: "software"$/m);
  const json = await runProgram("ledger", "show", layout.gateway.log, "1", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ type: "epoch.begin", state: "software" });
});

it("says what holds the anchor: a key file, a TPM, or what emulates one", async () => {
  const { layout } = await writtenPack(at("held"));
  const said = async () => {
    const { stdout } = await runProgram("identity", "show", "--state", layout.root);
    return /^held {7}(.*)$/m.exec(stdout)?.[1];
  };
  const { signer } = layout.gateway;
  expect(await said()).toBe(`key file ${join(signer, "anchor.pem")}`);
  renameSync(join(signer, "anchor.pem"), join(signer, "tpm.cbor"));
  expect(await said()).toBe(`TPM, by ${join(signer, "tpm.cbor")}`);
  mkdirSync(layout.tpm);
  expect(await said()).toBe(`emulated TPM, by ${join(signer, "tpm.cbor")}`);
});

describe("what became of it", () => {
  /** A registry that tells of any LCT what is in `told`; undefined: it knows none. */
  async function registryThat(told: readonly Uint8Array[] | undefined): Promise<string> {
    const server = createServer((request, response) => {
      const lct = request.url?.split("/").at(-1);
      const statements = told?.map((bytes) => Buffer.from(bytes).toString("base64"));
      const known = { lct, kind: "person", state: "active", since: 1, statements };
      const unknown = { status: 404, detail: "not known", code: "lct" };
      response.statusCode = told === undefined ? 404 : 200;
      response.end(JSON.stringify(told === undefined ? unknown : known));
    }).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.close();
    });
    await once(server, "listening");
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  }

  const [since, later] = [millis(1_760_000_000_000), millis(1_770_000_000_000)];
  async function signed(lct: LctId, state: LctState, time: Millis, key = AUTHORITY) {
    const reason = `is ${state}`;
    const status = { purpose: "wattseal-status-1" as const, lct, state, since: time, reason };
    return signAuthorityPayload(await openEd25519KeyFile(key), encodeAs(statusPayload, status));
  }

  it("is what the authority signed of it, however a registry puts it", async () => {
    const { file, document } = await issued("--kind", "person", "--anchor", at("alice.pub"));
    const active = await signed(document.lct, "active", since);
    const ended = await signed(document.lct, "void", later);
    const { document: another } = await issued("--kind", "app", "--anchor", at("alice.pub"));
    const others = await signed(another.lct, "void", later);
    const show = async (told: readonly Uint8Array[] | undefined, ...flags: string[]) => {
      const asked = ["identity", "show", file, "--registry", await registryThat(told), ...flags];
      const { status, stdout } = await runProgram(...asked, "--json");
      return [status, JSON.parse(stdout)];
    };
    expect(await show([active], "--trust", TRUST)).toMatchObject([
      0,
      { verdict: "verified", standing: { state: "active", since, reason: "is active" } },
    ]);
    // not all in order, and one of another LCT among them
    for (const told of [
      [active, ended],
      [ended, active],
      [others, ended],
    ]) {
      expect(await show(told, "--trust", TRUST)).toMatchObject([
        1,
        { standing: { state: "void", since: later } },
      ]);
      expect(await show(told)).toMatchObject([1, { standing: { state: "void" } }]);
    }
    expect(await show([others])).toMatchObject([0, { standing: { state: "unknown" } }]);
    expect(await show(undefined)).toMatchObject([0, { standing: { state: "unknown" } }]);

    await createEd25519KeyFile(at("stranger.pem"), systemEntropy);
    const forged = await signed(document.lct, "void", later, at("stranger.pem"));
    expect(await show([forged])).toMatchObject([1, { verdict: "refused" }]);
    const altered = ended.with(-1, (ended.at(-1) ?? 0) ^ 1);
    expect(await show([altered], "--trust", TRUST)).toMatchObject([1, { verdict: "refused" }]);
  });

  it("is shown to people, and cannot be asked of nobody or in clear", async () => {
    const { file, document } = await issued("--kind", "person", "--anchor", at("alice.pub"));
    const url = await registryThat([await signed(document.lct, "slashed", later)]);
    const shown = await runProgram("identity", "show", file, "--registry", url);
    expect(shown.status).toBe(1);
    expect(shown.stdout).toMatch(/^standing {3}slashed since 2026-02-02T.*: is slashed$/m);
    const asked = (where: string) => runProgram("identity", "show", file, "--registry", where);
    await expect(asked("http://127.0.0.1:1")).rejects.toMatchObject({ code: "unreachable" });
    await expect(asked("http://192.0.2.1")).rejects.toMatchObject({ code: "usage" });
    const alone = runProgram("identity", "show", file, "--ca", TRUST);
    await expect(alone).rejects.toMatchObject({ code: "usage" });
  });
});

it("says what to start where no federation runs that could be told", async () => {
  const state = at("no-federation");
  mkdirSync(join(state, "federation"), { recursive: true });
  writeFileSync(
    join(state, "federation", "federation.toml"),
    '[registry]\nkey = "authority.pem"\n',
  );
  const lct = `lct:pack:${"a".repeat(32)}`;
  for (const asked of [
    ["federation", "token"],
    ["identity", "void", lct, "--reason", "lost"],
  ]) {
    await expect(runProgram(...asked, "--state", state)).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining(`Start it: wattseal federation --state ${state}`),
    });
  }
});
