import { readFile } from "node:fs/promises";
import { decodePackPairing } from "@wattseal/device-keys";
import { describe, expect, it } from "vitest";
import { demoState, Role, temporaryFolder } from "./support/program.js";

const MODULES = 3;

describe("rolling the pack's half", () => {
  it("takes every module along, and the next start of each side goes on under the new half", async () => {
    const state = `${await temporaryFolder()}/state`;
    await demoState(state, "--modules", String(MODULES));
    const pairing = async () => decodePackPairing(await readFile(`${state}/gateway/pairings.cbor`));
    const old = (await pairing()).packHalf.publicKey;
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const { broker } = await federation.line((line) => line.msg === "federation.running");
    const sim = () => new Role(["sim", "--state", state, "--speed", "20"]);
    const gateway = (...args: string[]) =>
      new Role(["gateway", "--state", state, "--broker", String(broker), ...args]);

    const modules = sim();
    await modules.line((line) => line.msg === "sim.running");
    const rolling = gateway("--roll-half");
    await rolling.line((line) => line.msg === "link.roll-complete");
    const rolled = await pairing();
    expect(rolled.packHalf.publicKey).not.toEqual(old);
    expect(rolled.nextHalf).toBeUndefined();
    expect(await rolling.stop()).toBe(0);
    await modules.stop();

    const again = sim();
    await again.line((line) => line.msg === "sim.running");
    const next = gateway();
    const linked = new Set<unknown>();
    await next.line((line) => {
      if (line.msg === "link.session") linked.add(line["module"]);
      return linked.size === MODULES;
    });
    expect(await next.stop()).toBe(0);
    await again.stop();
    await federation.stop();
  });
});
