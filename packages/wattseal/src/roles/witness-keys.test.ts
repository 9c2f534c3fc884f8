import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { decodeTrust, encodeTrust } from "@wattseal/verifier";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { makeFederationKeys } from "../state/federation-keys.js";
import { makeFolder, readRequired } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { beginRotation, finishRotation, openWitnessKeys } from "./witness-keys.js";

const NAME = "fleet.example";

async function federation() {
  const root = mkdtempSync(join(tmpdir(), "wattseal-witness-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const layout = layoutOf(root);
  await makeFolder(layout.federation.directory);
  const authority = Ed25519SecretKey.generate(systemEntropy);
  const names = { authority: "a", witness: NAME };
  await makeFederationKeys({ layout, names, authority, entropy: systemEntropy });
  const trust = async () => decodeTrust(await readRequired(layout.federation.trust));
  const open = async () => {
    const { witnessKey, nextWitnessKey } = await openWitnessKeys(layout, await trust());
    expect(nextWitnessKey?.name ?? NAME).toBe(witnessKey.name);
    return [witnessKey.publicKey, nextWitnessKey?.publicKey].flatMap((key) => key ?? []);
  };
  const keys = async () => (await trust()).witnesses[0]?.publicKeys;
  return { layout, trust, open, keys };
}

describe("a witness's key", () => {
  it("goes over to the next one: one, both, the other", async () => {
    const { layout, open, keys } = await federation();
    const [first] = await open();
    expect(await keys()).toEqual([first]);
    const { publicKeys } = await beginRotation(layout, systemEntropy);
    const [, next] = publicKeys;
    expect(await open()).toEqual([first, next]);
    expect(await keys()).toEqual([first, next]);
    await finishRotation(layout);
    expect(await open()).toEqual([next]);
    expect(await keys()).toEqual([next]);
    expect(existsSync(layout.federation.nextWitnessKey)).toBe(false);
    expect(next).not.toEqual(first);
  });

  it("is begun and finished once, however often it is asked for", async () => {
    const { layout, open } = await federation();
    const begun = await beginRotation(layout, systemEntropy);
    expect(await beginRotation(layout, systemEntropy)).toEqual(begun);
    await finishRotation(layout);
    await expect(finishRotation(layout)).rejects.toThrow(/begin with wattseal federation rotate/);
    expect(await open()).toEqual([begun.publicKeys[1]]);
  });

  it("is gone on with where each step was interrupted", async () => {
    const { layout, trust, open } = await federation();
    const before = encodeTrust(await trust());
    const begun = await beginRotation(layout, systemEntropy);
    // killed after the key file, before the trust file
    writeFileSync(layout.federation.trust, before);
    await expect(open()).rejects.toThrow(/does not name the key in .*witness-next.pem/);
    await expect(finishRotation(layout)).rejects.toThrow(/half begun/);
    expect(await beginRotation(layout, systemEntropy)).toEqual(begun);
    const both = encodeTrust(await trust());
    await finishRotation(layout);
    // killed after the rename, before the trust file
    writeFileSync(layout.federation.trust, both);
    expect(await open()).toEqual([begun.publicKeys[1]]);
    expect((await finishRotation(layout)).publicKeys).toEqual([begun.publicKeys[1]]);
  });
});
