import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEd25519KeyFile, createP256KeyFile, formatP256PublicKey } from "@wattseal/lct-keys";
import { afterEach, beforeEach, expect, it } from "vitest";
import { federationSchema } from "../config/federation-schema.js";
import { systemEntropy } from "../ports/system.js";
import { layoutOf } from "../state/layout.js";
import { registrySettingOf } from "./registry.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "wattseal-registry-"));
  await mkdir(join(root, "federation"));
  await createEd25519KeyFile(join(root, "federation", "authority.pem"), systemEntropy);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const settingOf = (registry: object) =>
  registrySettingOf(layoutOf(root), federationSchema.parse({ registry }));
const put = (name: string, text: string) => writeFile(join(root, "federation", name), text);

it("makes no registry where no key is named", async () => {
  expect(await settingOf({})).toBeUndefined();
});

it("reads what is named from files beside the configuration", async () => {
  const keys = await Promise.all(
    ["a.pem", "b.pem"].map((name) => createP256KeyFile(join(root, name), systemEntropy)),
  );
  await put("update.pem", keys.map(({ publicKey }) => formatP256PublicKey(publicKey)).join(""));
  const setting = await settingOf({
    key: "authority.pem",
    listen: "[::1]:8443",
    updateKeys: "update.pem",
  });
  expect(setting).toMatchObject({
    directory: join(root, "federation", "registry"),
    socket: join(root, "run", "registry.sock"),
    listen: { host: "::1", port: 8443 },
    roots: [],
    updateKeys: keys.map(({ publicKey }) => publicKey),
  });
  const open = await settingOf({ key: "authority.pem", updateKeys: "any", listen: "127.0.0.1:80" });
  expect(open).toMatchObject({ updateKeys: "any", listen: { host: "127.0.0.1", port: 80 } });
  expect((await settingOf({ key: "authority.pem" }))?.listen).toBeUndefined();
});

it("names the file that does not do", async () => {
  await put("empty.pem", "no certificate\n");
  await put("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const refusal = (registry: object) =>
    settingOf({ key: "authority.pem", ...registry }).then(
      () => "taken",
      (error: unknown) => (error instanceof Error ? error.message : "no error"),
    );
  expect(await refusal({ key: "none.pem" })).toMatch(/none\.pem/);
  expect(await refusal({ roots: "empty.pem" })).toMatch(/empty\.pem holds nothing in PEM/);
  expect(await refusal({ roots: "broken.pem" })).toMatch(/broken\.pem: .*X\.509/);
  expect(await refusal({ updateKeys: "broken.pem" })).toMatch(/broken\.pem: /);
  expect(await refusal({ listen: "127.0.0.1:0", certificate: "cert.pem" })).toMatch(
    /registry\.certificate and registry\.certificateKey go together/,
  );
});

it("takes addresses, not names", () => {
  for (const listen of ["localhost:80", "0.0.0.0", ":80", "example.org:443"]) {
    expect(federationSchema.safeParse({ registry: { listen } }).success).toBe(false);
  }
});
