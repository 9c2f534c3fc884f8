import { afterEach, describe, expect, it, vi } from "vitest";
import { chosenTpm, parseTpmAddress, parseTpmChoice, tpmOfSetting, tpmSetting } from "./address.js";

afterEach(() => void vi.unstubAllEnvs());

describe("which TPM is meant", () => {
  it("survives the way through the configuration", () => {
    for (const text of ["device", "device:/dev/tpm0", "swtpm:/run/tpm.sock"]) {
      const address = parseTpmAddress(text);
      expect(tpmOfSetting(tpmSetting(address), "/etc", "/state/tpm")).toEqual(address);
    }
    expect(tpmOfSetting("none", "/etc", "/state/tpm")).toBeUndefined();
    expect(tpmOfSetting("swtpm:a.sock", "/etc", "/t")).toEqual({
      type: "socket",
      path: "/etc/a.sock",
    });
    const own = { type: "emulator", directory: "/state/tpm" } as const;
    expect(tpmOfSetting(tpmSetting(own), "/etc", "/state/tpm")).toEqual(own);
  });

  it("is refused in any other form", () => {
    for (const text of ["", "tpm", "swtpm", "device:", "none", "auto"]) {
      expect(() => parseTpmAddress(text)).toThrow();
    }
    expect(() => parseTpmChoice("software")).toThrow();
  });

  it("is none where there is no emulator to choose, and an error where one was asked for", async () => {
    vi.stubEnv("PATH", "/nonexistent");
    expect(await chosenTpm("auto", "/state/tpm")).toBeUndefined();
    expect(await chosenTpm("none", "/state/tpm")).toBeUndefined();
    await expect(chosenTpm("swtpm", "/state/tpm")).rejects.toThrow(/apt install swtpm/);
    const device = parseTpmChoice("device");
    expect(await chosenTpm(device, "/state/tpm")).toEqual({ type: "device", path: "/dev/tpmrm0" });
  });
});
