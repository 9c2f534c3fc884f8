// A disk that another program fills: readings go, intervals get longer, and with room all of it comes back.
import { rmSync, writeFileSync } from "node:fs";
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { expect, it } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";
import { canMount, shrink, spaceOf, unlessMounted } from "./support/small-disk.js";
import { agree, go } from "./support/verifiers.js";

const MODULES = 2;
/** A tenth of it is the reserve. */
const SIZE = "4m";
const KIB = 1024;
/** Below the reserve, above half of it. */
const SHORT = 300 * KIB;

it.skipIf(!canMount)(
  `a gateway whose disk gets short loses readings and detail, says so, loses no energy, and recovers${unlessMounted}`,
  { timeout: 300_000 },
  async () => {
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const init = ["init", "--demo", "--tpm", "none", "--state", state];
    const made = await wattseal([...init, "--modules", String(MODULES)]);
    expect(made.status, made.stderr).toBe(0);
    const disk = `${state}/gateway`;
    shrink(disk, SIZE);
    expect(spaceOf(disk).total / 10).toBeGreaterThan(SHORT);
    const federation = new Role(["federation", "--state", state, "--port", "0"]);
    const running = await federation.line(({ msg }) => msg === "federation.running");
    const simulator = new Role(["sim", "--state", state, "--speed", "120"]);
    await simulator.line(({ msg }) => msg === "sim.running");
    const args = ["gateway", "--state", state, "--broker", String(running["broker"])];
    const gateway = new Role([...args, "--log-level", "debug"]);
    await gateway.line(({ msg }) => msg === "ledger.durable");

    const entries = async (): Promise<readonly Entry[]> => {
      const log = await LogStore.openReadOnly({ directory: `${disk}/log` });
      return [...log.entries()].map((bytes) => decodeEntry(bytes));
    };
    /** Looks at the log with each entry that the gateway acknowledges, until `found` is in it. */
    const until = async (found: (all: readonly Entry[]) => boolean, before = () => {}) => {
      for (;;) {
        before();
        const all = await entries();
        if (found(all)) return all;
        await gateway.line(({ msg }) => msg === "ledger.durable", gateway.lines.length);
      }
    };
    const count = (all: readonly Entry[], type: Entry["type"]) =>
      all.filter((entry) => entry.type === type).length;
    await until((all) => count(all, "energy.window") >= 2);

    // Whatever the gateway lets go, somebody else takes.
    let taken = 0;
    const fill = () => {
      const more = spaceOf(disk).free - SHORT;
      if (more <= 0) return;
      writeFileSync(`${disk}/other-${taken}`, new Uint8Array(more));
      taken += 1;
    };
    const resolutions = (all: readonly Entry[]) =>
      all.flatMap(({ type, body }) => (type === "energy.resolution" ? [body.minutes] : []));
    const short = await until((all) => resolutions(all).length > 0, fill);
    expect(resolutions(short)).toEqual([10]);
    const intervals = count(short, "energy.interval");
    await until((all) => count(all, "energy.interval") > intervals, fill);
    const status = await wattseal(["status", "--state", state]);
    expect(status.stdout).toContain("intervals every 10 minutes");
    for (let i = 0; i < taken; i += 1) rmSync(`${disk}/other-${i}`);
    const room = await until((all) => resolutions(all).length > 1);
    expect(resolutions(room)).toEqual([10, 1]);
    const windows = count(room, "energy.window");
    await until((all) => count(all, "energy.window") > windows + 1);
    // The federation has taken the long intervals for what they are.
    for (let witnessed = 0; witnessed < room.length; ) {
      const reply = await wattseal(["status", "--state", state, "--json"]);
      witnessed = JSON.parse(reply.stdout).log.witnessed;
    }

    expect(await gateway.stop()).toBe(0);
    await simulator.stop();
    await federation.stop();
    expect(gateway.lines.some(({ msg }) => msg === "ledger.stopped")).toBe(false);
    const all = await entries();
    const bodies = <T extends Entry["type"]>(type: T) => all.filter((entry) => entry.type === type);
    expect(bodies("ops.loss")[0]).toMatchObject({
      body: { what: "evidence", reason: "disk-pressure" },
    });
    expect(bodies("link.alarm").map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ alarm: "disk-pressure" }),
    );
    const lengths = all.flatMap(({ type, body }) =>
      type === "energy.interval" ? [body.t1 - body.t0] : [],
    );
    expect(Math.max(...lengths)).toBeGreaterThan(65_000);

    const audit = await wattseal(["ledger", "audit", `${disk}/log`, "--json"]);
    expect(audit.status, audit.stdout).toBe(0);
    const { energy } = JSON.parse(audit.stdout);
    const exported = async (format: string) => {
      const made = await wattseal(["ledger", "export", `${disk}/log`, "--format", format]);
      expect(made.status, made.stderr).toBe(0);
      return made.stdout;
    };
    const rows = (await exported("jsonl")).trimEnd().split("\n");
    const metered = rows
      .map((row) => JSON.parse(row))
      .filter(({ record }) => record === "interval");
    const inMwh = metered.reduce((sum, row) => sum + row.inMwh, 0);
    const outMwh = metered.reduce((sum, row) => sum + row.outMwh, 0);
    expect(energy).toMatchObject({ inMwh, outMwh, uncountedMwh: 0 });
    expect(JSON.parse(await exported("passport"))).toHaveProperty("attributes");
    expect(await exported("storage")).not.toBe("");
    if (go) expect((await agree(`${disk}/log`, undefined)).verdict).toBe("self-consistent only");
  },
);
