import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis } from "@wattseal/base";
import { afterAll, describe, expect, it } from "vitest";
import { readBrokerAccess } from "./broker-access.js";

const folder = mkdtempSync(join(tmpdir(), "wattseal-access-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

/** Self-signed, P-256, of today for a day. */
function pair(name: string): void {
  const files = ["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync(
    "openssl",
    ["req", "-x509", ...curve, "-days", "1", "-subj", `/CN=${name}`, ...files],
    { stdio: "ignore" },
  );
  chmodSync(file(`${name}.key`), 0o600);
}
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (hasOpenssl) for (const name of ["ca", "pack", "other"]) pair(name);
writeFileSync(file("junk.pem"), "junk");
writeFileSync(file("password"), "secret\n", { mode: 0o600 });
writeFileSync(file("open.key"), "junk", { mode: 0o644 });

const DAY = 86_400_000;
const none = { ca: "", certificate: "", key: "", passwordFile: "" };
const whole = { ...none, ca: "ca.pem", certificate: "pack.pem", key: "pack.key" };
const read = (config: typeof none, now = Date.now(), url = "mqtts://broker:8883") =>
  readBrokerAccess({ path: file("gateway.toml"), table: "uplink", url, config, now: millis(now) });

const skipped = hasOpenssl ? "" : " (skipped: openssl is not installed)";
describe.skipIf(!hasOpenssl)(`what a role proves itself with at its broker${skipped}`, () => {
  it("is nothing, a password, or a certificate of its own beside the CA", async () => {
    expect(await read(none)).toEqual({});
    expect(await read({ ...none, passwordFile: "password" })).toEqual({ password: "secret" });
    expect(await read({ ...none, ca: "ca.pem" })).toEqual({
      tls: { ca: expect.stringContaining("BEGIN CERTIFICATE") },
    });
    const { tls } = await read({ ...whole, ca: file("ca.pem") });
    expect(tls?.cert).toContain("BEGIN CERTIFICATE");
    expect(tls?.key).toContain("PRIVATE KEY");
  });

  it.each([
    [
      "a missing file",
      { ...whole, certificate: "gone.pem" },
      /uplink\.certificate \(.*gone\.pem\) cannot be read/,
    ],
    ["a CA that is none", { ...whole, ca: "junk.pem" }, /uplink\.ca .* holds no PEM certificate/],
    [
      "a key that is none",
      { ...whole, key: "pack.pem" },
      /uplink\.key .*(holds no PEM private key|read by others)/,
    ],
    [
      "another's key",
      { ...whole, key: "other.key" },
      /uplink\.key .* is not the key of the certificate/,
    ],
    ["a key without certificate", { ...whole, certificate: "" }, /uplink\.certificate is not set/],
    ["a certificate without key", { ...whole, key: "" }, /uplink\.key is not set/],
    ["a certificate without CA", { ...whole, ca: "" }, /uplink\.ca is not set/],
    ["a key that others can read", { ...whole, key: "open.key" }, /chmod 600/],
  ])("names %s, and what to do", async (_what, config, message) => {
    await expect(read(config)).rejects.toMatchObject({ code: "config" });
    await expect(read(config)).rejects.toThrow(message);
  });

  it("refuses to send in the clear what was to be under TLS", async () => {
    await expect(read(whole, Date.now(), "mqtt://broker:1883")).rejects.toThrow(/write mqtts/);
    await expect(read(whole, Date.now(), "tls://broker:4222")).resolves.toHaveProperty("tls");
  });

  it("names a certificate that has expired, or is not valid yet", async () => {
    await expect(read(whole, Date.now() + 3 * DAY)).rejects.toThrow(/uplink\.ca .* expired on/);
    await expect(read(whole, Date.now() - 3 * DAY)).rejects.toThrow(/is not valid before/);
  });
});
