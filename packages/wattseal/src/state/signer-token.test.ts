import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex } from "@wattseal/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSignerToken, readSignerToken } from "./signer-token.js";

const HEX = "0123456789abcdef".repeat(4);
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wattseal-token-"));
  path = join(folder, "signer.token");
});
afterEach(() => rm(folder, { recursive: true }));

describe("the token between gateway and signer", () => {
  it("is made once, for its owner's eyes", async () => {
    let draws = 0;
    const bytes = (length: number) => {
      draws += 1;
      return new Uint8Array(length).fill(draws);
    };
    const entropy = { bytes };
    await createSignerToken(path, entropy);
    await createSignerToken(path, entropy);
    expect(await readSignerToken(path, undefined)).toEqual(new Uint8Array(32).fill(1));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("comes from systemd's credential where there is one", async () => {
    await writeFile(path, "f".repeat(64), { mode: 0o600 });
    expect(await readSignerToken(path, folder)).toEqual(new Uint8Array(32).fill(0xff));
    await writeFile(join(folder, "signer-token"), `${HEX}\n`, { mode: 0o400 });
    expect(await readSignerToken(path, folder)).toEqual(fromHex(HEX));
  });

  it.each(["", "short", HEX.toUpperCase(), `${HEX}00`])("is no other text (%s)", async (text) => {
    await writeFile(path, text, { mode: 0o600 });
    await expect(readSignerToken(path, undefined)).rejects.toThrow(/64 hex digits/);
  });

  it("is not taken from a file that others can read, and a missing one is named with the cure", async () => {
    await expect(readSignerToken(path, undefined)).rejects.toThrow(/openssl rand -hex 32/);
    await writeFile(path, HEX);
    await chmod(path, 0o644);
    await expect(readSignerToken(path, undefined)).rejects.toThrow(/chmod 600/);
  });
});
