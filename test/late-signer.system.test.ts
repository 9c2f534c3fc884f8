/** A gateway that starts before its signer, and one that starts again while its signer is gone. */
import { join } from "node:path";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

type Line = Awaited<ReturnType<Role["line"]>>;
const says = (msg: string) => (line: Line) => line.msg === msg;

describe("a signer that comes late", () => {
  it("finds a log that goes on from its first entry, and everything that was entered without it", {
    timeout: 300_000,
  }, async () => {
    const state = join(await temporaryFolder(), "s");
    const args = ["init", "--demo", "--state", state, "--modules", "2", "--tpm", "none"];
    expect((await wattseal(args)).status).toBe(0);
    const socket = join(state, "run", "signer.sock");
    const signerOf = async () => {
      const signer = new Role(["signer", "--state", state]);
      await signer.line(says("signer.running"));
      return signer;
    };
    // makes the token that admits to it
    expect(await (await signerOf()).stop()).toBe(0);

    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const { broker } = await federation.line(says("federation.running"));
    const simulator = new Role(["sim", "--state", state, "--speed", "120"]);
    await simulator.line(says("sim.running"));
    const gatewayOf = () =>
      new Role([
        "gateway",
        ...["--state", state, "--signer", socket, "--broker", String(broker)],
        ...["--log-level", "debug"],
      ]);

    let gateway = gatewayOf();
    await gateway.line(says("gateway.running"));
    // the pack's half is with the signer, too
    await gateway.line(says("custody.away"));
    expect(gateway.lines.some(says("ledger.durable"))).toBe(false);
    let signer = await signerOf();
    await gateway.line(says("signer.back"));
    await gateway.line(says("link.session"));

    const before = gateway.lines.length;
    await signer.kill();
    await gateway.line(says("signer.away"), before);
    await gateway.kill();
    gateway = gatewayOf();
    await gateway.line(says("signer.away"));
    await gateway.line(says("ledger.durable"));
    signer = await signerOf();
    await gateway.line(says("signer.back"));

    expect(await gateway.stop()).toBe(0);
    expect(await signer.stop()).toBe(0);
    await simulator.stop();
    await federation.stop();
    const path = join(state, "gateway", "log");
    const log = await LogStore.openReadOnly({ directory: path });
    const types = [...log.entries()].map((bytes) => decodeEntry(bytes).type);
    expect(types.slice(0, 3)).toEqual(["lct.document", "epoch.begin", "ops.clock"]);
    expect(types.filter((type) => type === "epoch.begin")).toHaveLength(2);
    expect(types.filter((type) => type === "epoch.end")).toHaveLength(1);
    const trust = join(state, "gateway", "trust.json");
    const audit = await wattseal(["ledger", "audit", path, "--trust", trust, "--json"]);
    expect(audit.status, audit.stderr).toBe(0);
    expect(JSON.parse(audit.stdout)).toMatchObject({
      verified: true,
      entries: log.durableSize,
      witnessed: log.durableSize,
    });
  });
});
