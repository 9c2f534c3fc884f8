import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex, milliwattHours, moduleUid, slot, toHex } from "@wattseal/base";
import { DeviceHalf, encodePackPairing, labelText } from "@wattseal/device-keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseBusAddress, parseSlot } from "../commands/conformance.js";
import { readBench } from "./bench.js";

const EXAMPLE = new URL("../../../../docs/firmware/vectors/pairing.json", import.meta.url);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "wattseal-bench-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

describe("a bench file", () => {
  it("gives the pairing of a slot, and the federation's half", async () => {
    const text = await readFile(EXAMPLE, "utf8");
    const example = JSON.parse(text);
    const bench = await readBench({ slot: 5, pairing: await file("bench.json", text) });
    expect(bench.module).toMatchObject({ uid: "5701000078563412", slot: 5, busId: 1 });
    expect(toHex(bench.module.half)).toBe(example.modules[0].half);
    expect(toHex(bench.packHalf.publicKey)).toBe(example.packHalf);
    expect(toHex(bench.federationHalf!.publicKey)).toBe(example.federationHalf);
    bench.dispose();
    expect(() => bench.packHalf.dh(bench.module.half)).toThrow(/disposed/);
  });

  it.each([
    ["not JSON", "{", /JSON/],
    ["a short key", '{"packHash":"00","packSecret":"00","modules":[]}', /64 hexadecimal digits/],
  ])("that is %s is refused", async (_what, text, message) => {
    const pairing = await file("bench.json", text);
    await expect(readBench({ slot: 5, pairing })).rejects.toThrow(message);
  });

  it("without the slot is refused", async () => {
    const pairing = await file("bench.json", await readFile(EXAMPLE, "utf8"));
    await expect(readBench({ slot: 6, pairing })).rejects.toThrow(/no module in slot 6/);
  });
});

describe("a pack's record", () => {
  const secret = new Uint8Array(32).fill(7);
  const uid = moduleUid("5701000078563412");
  const half = DeviceHalf.fromSecret(new Uint8Array(32).fill(9)).publicKey;
  const record = encodePackPairing({
    packHash: new Uint8Array(32),
    packHalf: { reference: "pack.key", publicKey: DeviceHalf.fromSecret(secret).publicKey },
    modules: [
      {
        uid,
        slot: slot(3),
        busId: 0,
        half,
        label: labelText(uid, half),
        ratedCapacity: milliwattHours(1),
        ratedWatts: 1,
      },
    ],
  });

  it("takes the half beside it, by its reference", async () => {
    await file("pack.key", secret);
    const bench = await readBench({ slot: 3, pairing: await file("pairings.cbor", record) });
    expect(bench.module.uid).toBe(uid);
    expect(bench.federationHalf).toBeUndefined();
  });

  it("takes a federation's half that is named", async () => {
    await file("pack.key", secret);
    const federationKey = await file("fed.key", secret);
    const pairing = await file("pairings.cbor", record);
    const bench = await readBench({ slot: 3, pairing, federationKey });
    expect(bench.federationHalf).toBeDefined();
  });

  it("refuses another pack's half, a half that others can read, and what is no record", async () => {
    const pairing = await file("pairings.cbor", record);
    const other = await file("other.key", new Uint8Array(32).fill(8));
    await expect(readBench({ slot: 3, pairing, key: other })).rejects.toThrow(/not the half/);
    const open = await file("pack.key", secret, 0o644);
    await expect(readBench({ slot: 3, pairing, key: open })).rejects.toThrow(/chmod 600/);
    const noise = await file("noise", fromHex("0001"));
    await expect(readBench({ slot: 3, pairing: noise })).rejects.toThrow(/nor a bench file/);
  });
});

describe("flags", () => {
  it("take a served bus and a slot", () => {
    expect(parseBusAddress("unix:/run/bus.sock")).toBe("unix:/run/bus.sock");
    expect(parseSlot("31")).toBe(31);
  });

  it.each(["can0", "unix:", ""])("refuse the bus %j", (text) => {
    expect(() => parseBusAddress(text)).toThrow(/unix:PATH/);
  });

  it.each(["0", "32", "x", ""])("refuse the slot %j", (text) => {
    expect(() => parseSlot(text)).toThrow(/1 to 31/);
  });
});
