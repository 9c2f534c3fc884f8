import { spawnSync } from "node:child_process";
import {
  chmod,
  chown,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { geteuid } from "node:process";
import { utf8 } from "@wattseal/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeOfThrown, seededEntropy } from "../lct-keys.fixture.js";
import {
  createEd25519KeyFile,
  createP256KeyFile,
  openEd25519KeyFile,
  openP256KeyFile,
} from "./key-file.js";

const entropy = seededEntropy("key files");
const TOOL = "openssl";
const openssl = (...arguments_: string[]) => spawnSync(TOOL, arguments_);
const hasOpenssl = openssl("version").status === 0;
const isRoot = geteuid?.() === 0;
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-keys-"));
  path = join(directory, "key.pem");
});
afterEach(() => rm(directory, { recursive: true }));

const refusal = (attempt: Promise<unknown>) => attempt.then(() => "nothing", codeOfThrown);

describe.each([
  ["Ed25519", createEd25519KeyFile, openEd25519KeyFile],
  ["P-256", createP256KeyFile, openP256KeyFile],
])("%s key file", (_, create, open) => {
  it("gives the same key back", async () => {
    const made = await create(path, entropy);
    const opened = await open(path);
    expect(opened.publicKey).toEqual(made.publicKey);
    expect(opened.sign(utf8("x"))).toHaveLength(64);
  });

  it("is its owner's alone, with nothing left beside it", async () => {
    await create(path, entropy);
    expect((await stat(path)).mode & 0o7777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["key.pem"]);
  });

  it("is never overwritten", async () => {
    await create(path, entropy);
    const before = await readFile(path);
    expect(await refusal(create(path, entropy))).toBe("key-exists");
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(directory)).toEqual(["key.pem"]);
  });

  it.each([0o640, 0o604, 0o610, 0o660, 0o644, 0o777])("is refused with mode %o", async (mode) => {
    await create(path, entropy);
    await chmod(path, mode);
    expect(await refusal(open(path))).toBe("key-permissions");
  });

  it.skipIf(!isRoot)(
    "is refused when it belongs to another user (needs root to test)",
    async () => {
      await create(path, entropy);
      await chown(path, 12_345, 12_345);
      expect(await refusal(open(path))).toBe("key-permissions");
    },
  );

  it("is refused when missing, a link, a directory, or not PEM", async () => {
    expect(await refusal(open(path))).toBe("key-missing");
    await create(path, entropy);
    const link = join(directory, "link.pem");
    await symlink(path, link);
    expect(await refusal(open(link))).toBe("key-malformed");
    expect(await refusal(open(directory))).toBe("key-malformed");
    await writeFile(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect(await refusal(open(path))).toBe("key-malformed");
    await writeFile(path, "");
    expect(await refusal(open(path))).toBe("key-malformed");
    await writeFile(path, "x".repeat(5_000));
    expect(await refusal(open(path))).toBe("key-malformed");
  });

  it.skipIf(!hasOpenssl)("is read by openssl as the same key (needs openssl)", async () => {
    const { publicKey } = await create(path, entropy);
    const shown = openssl("pkey", "-in", path, "-pubout", "-outform", "DER");
    const der = new Uint8Array(shown.stdout);
    expect(der.subarray(der.length - publicKey.length)).toEqual(publicKey);
  });
});

describe("key files of the other sort", () => {
  it("are refused", async () => {
    await createEd25519KeyFile(path, entropy);
    await expect(openP256KeyFile(path)).rejects.toThrow(path);
    expect(await refusal(openP256KeyFile(path))).toBe("key-malformed");
    const anchor = join(directory, "anchor.pem");
    await createP256KeyFile(anchor, entropy);
    expect(await refusal(openEd25519KeyFile(anchor))).toBe("key-malformed");
  });
});

describe.skipIf(!hasOpenssl)("signatures (needs openssl)", () => {
  it("of an anchor are accepted by openssl", async () => {
    const key = await createP256KeyFile(path, entropy);
    const message = join(directory, "message");
    await writeFile(message, "reading");
    const signature = key.sign(utf8("reading"));
    const der = (part: Uint8Array) => {
      const start = part.findIndex((byte) => byte !== 0);
      const digits = [...part.subarray(start)];
      return [2, digits.length + (digits[0]! >> 7), ...(digits[0]! > 127 ? [0] : []), ...digits];
    };
    const body = [...der(signature.subarray(0, 32)), ...der(signature.subarray(32))];
    const signed = join(directory, "signature");
    await writeFile(signed, Uint8Array.of(0x30, body.length, ...body));
    const arguments_ = ["dgst", "-sha256", "-prverify", path, "-signature", signed, message];
    expect(openssl(...arguments_).status).toBe(0);
  });

  it("of an authority are accepted by openssl", async () => {
    const key = await createEd25519KeyFile(path, entropy);
    const message = join(directory, "message");
    const signed = join(directory, "signature");
    await writeFile(message, "mint");
    await writeFile(signed, key.sign(utf8("mint")));
    const verify = [
      "pkeyutl",
      "-verify",
      "-rawin",
      "-inkey",
      path,
      "-in",
      message,
      "-sigfile",
      signed,
    ];
    expect(openssl(...verify).status).toBe(0);
  });
});
