import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { federationSchema } from "./federation-schema.js";
import { loadConfig, renderConfig } from "./file.js";
import { gatewaySchema } from "./gateway-schema.js";

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-config-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "gateway.toml");
  await writeFile(path, text);
  return path;
}

const NO_FILES = { ca: "", certificate: "", key: "", passwordFile: "" };
const MINIMAL = '[uplink]\nwitness = "fleet-witness"\n';

async function load(
  text: string,
  environment: Record<string, string> = {},
  flags: Record<string, string> = {},
) {
  return loadConfig({ schema: gatewaySchema, path: await fileWith(text), environment, flags });
}

describe("configuration", () => {
  it("fills in defaults", async () => {
    expect(await load(MINIMAL)).toEqual({
      fleet: "demo",
      bus: { address: "unix:../sim/bus.sock", telemetryHz: 5, legacy: "refuse", shunt: "none" },
      uplink: [{ broker: "mqtt://127.0.0.1:1883", witness: "fleet-witness", ...NO_FILES }],
      witnesses: { quorum: 0 },
      ledger: { keepDays: 0, reserveMebibytes: 64 },
      society: { source: "charger" },
      orders: { keys: "" },
      signer: { socket: "", token: "signer.token", tpm: "none" },
      control: { socket: "../run/control.sock" },
      evidence: { days: 7, mebibytes: 1_024 },
      log: { level: "info" },
      legacy: {},
    });
  });

  it("lets the environment overrule the file, and flags both", async () => {
    const text = `fleet = "from-file"\n[bus]\naddress = "unix:/file"\n${MINIMAL}`;
    const environment = { WATTSEAL_FLEET: "from-environment", WATTSEAL_BUS_ADDRESS: "unix:/env" };
    const config = await load(text, environment, { "bus.address": "unix:/flag" });
    expect(config).toMatchObject({ fleet: "from-environment", bus: { address: "unix:/flag" } });
  });

  it("names unknown keys, wrong values and missing ones", async () => {
    await expect(load(`flet = "x"\n${MINIMAL}`)).rejects.toThrow(/flet/);
    await expect(load(`fleet = "Not Allowed"\n${MINIMAL}`)).rejects.toThrow(/fleet: use 1-63/);
    await expect(load("")).rejects.toThrow(/uplink/);
    await expect(load("fleet = ")).rejects.toThrow(/gateway\.toml/);
    await expect(load(MINIMAL, { WATTSEAL_LOG_LEVEL: "loud" })).rejects.toThrow(/log\.level/);
  });

  it("takes one table of what there may be several of, or a list of them, and overrules only the one", async () => {
    const several = '[[uplink]]\nwitness = "a"\n[[uplink]]\nwitness = "b"\n';
    expect(await load(several)).toMatchObject({ uplink: [{ witness: "a" }, { witness: "b" }] });
    const environment = { WATTSEAL_UPLINK_BROKER: "mqtt://there:1" };
    expect(await load(MINIMAL, environment)).toMatchObject({
      uplink: [{ broker: "mqtt://there:1", witness: "fleet-witness" }],
    });
    await expect(load(several, environment)).rejects.toThrow(
      /\[\[uplink\]\] is a list: .*WATTSEAL_UPLINK_BROKER/,
    );
    await expect(load(several, {}, { "uplink.broker": "mqtt://x:1" })).rejects.toThrow(/is a list/);
    await expect(load("[[uplink]]\n")).rejects.toThrow(/uplink\.0\.witness/);
    await expect(load("[uplink]\n")).rejects.toThrow(/uplink\.witness/);
    await expect(load("uplink = []\n")).rejects.toThrow(/uplink/);
  });

  it("says how to get a missing file", async () => {
    const missing = loadConfig({
      schema: gatewaySchema,
      path: "/nowhere/gateway.toml",
      environment: {},
      flags: {},
    });
    await expect(missing).rejects.toThrow(/wattseal init/);
  });

  it("takes a port from the environment as the number it is", async () => {
    const path = await fileWith("");
    const config = await loadConfig({
      schema: federationSchema,
      path,
      environment: { WATTSEAL_BROKER_PORT: "8883" },
      flags: {},
    });
    expect(config.broker).toEqual({ url: "embedded", port: 8883, user: "", ...NO_FILES });
    const bad = loadConfig({
      schema: federationSchema,
      path,
      environment: { WATTSEAL_BROKER_PORT: "70000" },
      flags: {},
    });
    await expect(bad).rejects.toThrow(/broker\.port/);
  });

  it("takes a database's URL without a password in it, and a file for one only with a database", async () => {
    const stored = async (text: string) =>
      loadConfig({
        schema: federationSchema,
        path: await fileWith(`[store]\n${text}`),
        environment: {},
        flags: {},
      });
    const url = "postgres://fleet@db.example:5432/wattseal";
    expect((await stored("")).store).toEqual({ url: "embedded", passwordFile: "" });
    expect((await stored(`url = "${url}"\npasswordFile = "pw"`)).store.url).toBe(url);
    const secret = stored('url = "postgres://fleet:hunter2@db/wattseal"');
    await expect(secret).rejects.toThrow("without a password");
    await expect(secret).rejects.not.toThrow("hunter2");
    await expect(stored('passwordFile = "pw"')).rejects.toThrow(/store\.passwordFile/);
  });

  it("takes clear-text modules only listed, and only where they are admitted", async () => {
    const admit = `[bus]\nlegacy = "admit"\n${MINIMAL}`;
    const listed = "[legacy.0a0b000078563412]\ncapacityWh = 5500\nstateChangeBytes = 2\n";
    expect(await load(`${admit}${listed}`)).toMatchObject({
      bus: { legacy: "admit" },
      legacy: { "0a0b000078563412": { capacityWh: 5500, stateChangeBytes: 2, swapped: false } },
    });
    await expect(load(admit)).rejects.toThrow(/bus\.legacy: is "admit"/);
    await expect(load(`${MINIMAL}${listed}`)).rejects.toThrow(/legacy: lists modules/);
    await expect(load(`${admit}[legacy.0a0b010078563412]\n`)).rejects.toThrow(/legacy/);
    await expect(load(`${admit}${listed}quirk = 1\n`)).rejects.toThrow(/quirk/);
    await expect(load(`${admit}[legacy.0a0b000078563412]\nstateChangeBytes = 3`)).rejects.toThrow(
      /stateChangeBytes/,
    );
    const environment = { WATTSEAL_BUS_LEGACY: "admit", WATTSEAL_LEGACY: "ignored" };
    expect(await load(`${MINIMAL}${listed}`, environment)).toMatchObject({
      bus: { legacy: "admit" },
    });
    const written = renderConfig(gatewaySchema, "Wattseal gateway", {
      "uplink.witness": "w",
      "bus.legacy": "admit",
      legacy: { "0a0b000078563412": { capacityWh: 1 }, "0a0b0000ffffffff": { capacityWh: 2 } },
    });
    expect(Object.keys((await load(written)).legacy)).toHaveLength(2);
  });

  it("writes files that load again, with every key and its meaning", async () => {
    const text = renderConfig(gatewaySchema, "Wattseal gateway", { "uplink.witness": "w" });
    expect(text).toContain("# Fleet that the pack belongs to");
    expect(await load(text)).toMatchObject({ fleet: "demo", uplink: [{ witness: "w" }] });
  });
});
