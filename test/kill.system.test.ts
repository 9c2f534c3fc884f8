import { toHex } from "@wattseal/base";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";

const KILLS = 20;
const MODULES = 4;

describe("a gateway killed in the middle", () => {
  it(`loses and doubles nothing acknowledged over ${KILLS} kill -9 in a row`, async () => {
    const state = `${await temporaryFolder()}/state`;
    await demoState(state, "--modules", String(MODULES));
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const running = await federation.line((line) => line.msg === "federation.running");
    const simulator = new Role(["sim", "--state", state, "--speed", "240"]);
    await simulator.line((line) => line.msg === "sim.running");
    const broker = String(running["broker"]);
    const startGateway = () =>
      new Role(["gateway", "--state", state, "--broker", broker, "--log-level", "debug"]);

    /** Lives in which every link came back before the kill. */
    let linkedRounds = 0;
    const acknowledged = new Map<number, string>();
    const account = (gateway: Role) => {
      for (const line of gateway.lines) {
        if (line.msg !== "ledger.durable") continue;
        const index = Number(line["index"]);
        const leaf = String(line["leaf"]);
        expect(acknowledged.get(index) ?? leaf).toBe(leaf);
        acknowledged.set(index, leaf);
      }
    };
    for (let kill = 0; kill < KILLS; kill += 1) {
      const gateway = startGateway();
      // A different point of its life each time: in the middle of starting, linking, closing a window, sending.
      const after = (kill % 7) * 8;
      await gateway.line((line) => line.msg === "ledger.durable");
      while (gateway.lines.length < after) await gateway.line(() => true, gateway.lines.length);
      await gateway.kill();
      account(gateway);
      const sessions = gateway.lines.filter((line) => line.msg === "link.session");
      if (new Set(sessions.map((line) => line["module"])).size === MODULES) linkedRounds += 1;
    }
    expect(linkedRounds).toBeGreaterThan(KILLS / 4);

    const gateway = startGateway();
    const linked = new Set<unknown>();
    await gateway.line((line) => {
      if (line.msg === "link.session") linked.add(line["module"]);
      return linked.size === MODULES;
    });
    await gateway.line((line) => line.msg === "ledger.durable", gateway.lines.length);
    expect(await gateway.stop()).toBe(0);
    account(gateway);
    await simulator.stop();
    await federation.stop();

    const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
    expect(acknowledged.size).toBeGreaterThan(KILLS);
    for (const [index, leaf] of acknowledged) expect(toHex(log.leafHash(index))).toBe(leaf);
    const audit = await wattseal([
      "ledger",
      "audit",
      `${state}/gateway/log`,
      "--trust",
      `${state}/gateway/trust.json`,
      "--json",
    ]);
    expect(audit.status, audit.stderr).toBe(0);
    expect(JSON.parse(audit.stdout)).toMatchObject({
      verified: true,
      entries: log.durableSize,
      witnessed: log.durableSize,
    });
  });
});
