import { toHex } from "@wattseal/base";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";
import { canMount, enlarge, shrink, unlessMounted } from "./support/small-disk.js";

/** Enough to begin with: keys, pairing, and some minutes of record and readings. */
const SIZE = "1000k";
const MODULES = 2;

async function statusOf(state: string) {
  const { status, stdout, stderr } = await wattseal(["status", "--state", state, "--json"]);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

it.skipIf(!canMount)(
  `a gateway on a disk that fills stops recording, says so and serves on; with room and a restart it continues${unlessMounted}`,
  {
    timeout: 400_000,
  },
  async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    await demoState(state, "--modules", String(MODULES));
    const disk = `${state}/gateway`;
    shrink(disk, SIZE);

    const federation = new Role([
      ...["federation", "--state", state, "--port", "0", "--log-level", "debug"],
    ]);
    const running = await federation.line((line) => line.msg === "federation.running");
    const simulator = new Role(["sim", "--state", state, "--speed", "120"]);
    await simulator.line((line) => line.msg === "sim.running");
    const args = ["gateway", "--state", state, "--broker", String(running["broker"])];
    // Nothing gives way before the disk is full.
    const unreserved = { WATTSEAL_LEDGER_RESERVEMEBIBYTES: "0" };
    const gateway = new Role([...args, "--log-level", "debug"], unreserved);

    // The disk fills: with readings, entries, whatever a gateway keeps.
    const stop = await gateway.line((line) => line.msg === "ledger.stopped");
    expect(String(stop["error"])).toMatch(/no space|full/i);
    await federation.line(
      (line) => line.msg === "federation.pack-state" && line["says"] === "stopped",
    );
    const first = await statusOf(state);
    expect(first.log.stopped).toContain("Nothing further is recorded");
    const until = gateway.lines.length;
    const later = await (async () => {
      for (;;) {
        const status = await statusOf(state);
        if (status.time > first.time + 60_000) return status;
      }
    })();
    expect(later.modules).toHaveLength(MODULES);
    for (const module of later.modules) {
      expect(module).toMatchObject({ linked: true, stale: false, reading: { state: "on" } });
    }
    expect(later.log.entries).toBe(first.log.entries);
    const news = gateway.lines.slice(until).map(({ msg }) => msg);
    expect(news.filter((msg) => msg === "ledger.durable" || msg === "link.down")).toEqual([]);
    const list = await wattseal(["ledger", "list", `${disk}/log`, "--type", "energy.interval"]);
    expect(list.status).toBe(0);
    expect(await gateway.stop()).not.toBe(0);

    const log = await LogStore.openReadOnly({ directory: `${disk}/log` });
    const acknowledged = gateway.lines.filter(({ msg }) => msg === "ledger.durable");
    expect(acknowledged.length).toBeGreaterThan(5);
    for (const line of acknowledged) {
      expect(toHex(log.leafHash(Number(line["index"])))).toBe(line["leaf"]);
    }

    enlarge(disk, "64m");
    const again = new Role([...args, "--log-level", "debug"]);
    const linked = new Set<unknown>();
    await again.line((line) => {
      if (line.msg === "link.session") linked.add(line["module"]);
      return linked.size === MODULES;
    });
    const gaps = async () => {
      const { stdout } = await wattseal([
        ...["ledger", "list", `${disk}/log`, "--type", "energy.gap", "--json"],
      ]);
      const lines = stdout
        .trimEnd()
        .split("\n")
        .filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line)).filter(({ index }) => index >= log.durableSize);
    };
    while ((await gaps()).length < MODULES) await again.line(() => true, again.lines.length);
    for (const { body } of await gaps()) {
      expect(body.reason).toBe("away");
      expect(body.in + body.out).toBeGreaterThan(0);
      expect(body.in).toBe(body.end.in - body.start.in);
    }
    expect(await again.stop()).toBe(0);
    await simulator.stop();
    await federation.stop();
    const trust = ["--trust", `${disk}/trust.json`];
    const audit = await wattseal(["ledger", "audit", `${disk}/log`, ...trust]);
    expect(audit.status, audit.stdout).toBe(0);
  },
);
