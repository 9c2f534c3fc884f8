import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseVkey } from "@wattseal/tlog";
import { decodeTrust } from "@wattseal/verifier";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { runProgram } from "../program.fixture.js";
import { layoutOf } from "../state/layout.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wattseal-fleet-"));
  const made = root;
  onTestFinished(() => rmSync(made, { recursive: true }));
});

const make = (state: string, ...flags: readonly string[]) =>
  runProgram(
    ...["init", "--federation", "fleet.example", "--fleet", "depot-3", "--yes", "--json"],
    ...["--state", state, ...flags],
  );

it("makes keys for their owner alone, a trust file that names them, and a configuration that uses them", async () => {
  const state = join(root, "fleet");
  const { status, stdout } = await make(state);
  expect(status).toBe(0);
  const { federation, authority } = layoutOf(state);
  const said = JSON.parse(stdout);
  expect(said).toMatchObject({ state, authority: authority.key, trust: federation.trust });
  for (const key of [federation.witnessKey, federation.receiptLogKey, authority.key]) {
    expect(statSync(key).mode & 0o777).toBe(0o600);
  }
  const trust = decodeTrust(readFileSync(federation.trust));
  const { publicKey } = parseVkey(said.witness[0]);
  expect(said.witness).toHaveLength(1);
  expect(trust.authorities.map(({ name }) => name)).toEqual(["authority of fleet.example"]);
  expect(readFileSync(federation.trust, "utf8")).toContain("fleet.example+");
  expect(JSON.stringify(trust)).toContain(JSON.stringify(publicKey));
  const config = readFileSync(federation.config, "utf8");
  expect(config).toContain('fleet = "depot-3"');
  expect(config).toContain('key = "../authority/authority.pem"');
});

it("takes an authority that there is, and makes none then", async () => {
  const [first, second] = [join(root, "one"), join(root, "two")];
  await make(first);
  const key = layoutOf(first).authority.key;
  expect((await make(second, "--authority", key)).status).toBe(0);
  const [a, b] = [first, second].map((state) =>
    decodeTrust(readFileSync(layoutOf(state).federation.trust)),
  );
  expect(b?.authorities).toEqual(a?.authorities);
  expect(b?.witnesses).not.toEqual(a?.witnesses);
  expect(() => statSync(layoutOf(second).authority.directory)).toThrow("ENOENT");
  expect(readFileSync(layoutOf(second).federation.config, "utf8")).toContain(
    'key = "../../one/authority/authority.pem"',
  );
});

it("overwrites nothing, and asks first", async () => {
  const state = join(root, "fleet");
  const bare = ["init", "--federation", "fleet.example", "--state", state];
  await expect(runProgram(...bare)).rejects.toThrow("--yes");
  expect(() => statSync(state)).toThrow("ENOENT");
  await make(state);
  const before = readFileSync(layoutOf(state).authority.key);
  await expect(make(state)).rejects.toThrow("never overwritten");
  expect(readFileSync(layoutOf(state).authority.key)).toEqual(before);
});

it("refuses a name that no cosignature can have, and two things at once", async () => {
  const state = join(root, "fleet");
  const named = ["init", "--federation", "fleet example", "--state", state, "--yes"];
  await expect(runProgram(...named)).rejects.toThrow("--federation");
  await expect(make(state, "--demo")).rejects.toThrow("Say which");
});
