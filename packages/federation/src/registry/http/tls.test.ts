import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { enrol, softwareApplicant } from "@wattseal/lct-keys";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../../fleet.fixture.js";
import { RegistryClient } from "../client.js";
import { anchorOf, ISSUER, TestRegistry } from "../registry.fixture.js";
import { listenForAnyone } from "./server.js";

const PROGRAM: string = "openssl";
const hasOpenssl = spawnSync(PROGRAM, ["version"]).status === 0;
const title = hasOpenssl ? "" : " (skipped: openssl is not installed)";

/** A certificate of its own making for 127.0.0.1. */
function certificateIn(folder: string): { cert: string; key: string } {
  const at = (name: string) => join(folder, name);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const name = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", at("key.pem"), "-out", at("cert.pem"), "-days", "2"];
  const made = spawnSync(PROGRAM, ["req", "-x509", ...curve, ...name, ...files]);
  expect(made.status).toBe(0);
  const read = (file: string) => readFileSync(at(file), "utf8");
  return { cert: read("cert.pem"), key: read("key.pem") };
}

it.skipIf(!hasOpenssl)(
  `a registry with a certificate enrols whoever believes that certificate, and nobody else asks it anything${title}`,
  async () => {
    const directory = temporaryDirectory();
    const tls = certificateIn(directory.path);
    const test = await TestRegistry.open();
    const { registry, clock, logger } = test;
    const options = { registry, clock, logger, host: "127.0.0.1", port: 0, tls };
    const server = await listenForAnyone(options);
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const { token } = await registry.grant({});
    const wish = { kind: "pack", context: [], authorities: [ISSUER.publicKey] } as const;
    const applicant = softwareApplicant(anchorOf("pack"));
    const doubting = new RegistryClient({ url: server.url, token });
    await expect(enrol(applicant, doubting, wish)).rejects.toMatchObject({ code: "unreachable" });
    const believing = new RegistryClient({ url: server.url, token, ca: tls.cert });
    const { document } = await enrol(applicant, believing, wish);
    expect(await believing.standing(document.lct)).toMatchObject({ state: "active" });
    await server.close();
    await test.remove();
    directory.remove();
  },
);

it("a client sends no token in clear beyond this machine", () => {
  const token = "x".repeat(43);
  for (const url of ["http://192.0.2.1:80", "http://example.org", "ftp://127.0.0.1", "nothing"]) {
    expect(() => new RegistryClient({ url, token })).toThrow(/https|address/);
  }
  for (const url of ["http://127.0.0.1:80", "http://[::1]:80", "https://example.org"]) {
    expect(() => new RegistryClient({ url, token })).not.toThrow();
  }
});
