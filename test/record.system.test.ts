import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { temporaryFolder, wattseal } from "./support/program.js";
import { lasting } from "./support/run.js";

const PROGRAM = fileURLToPath(new URL("../packages/wattseal/bin/wattseal.mjs", import.meta.url));

/** Of the demonstration. */
const MODULES = 8;

/** A log of a minute or two, left behind by a whole system. */
async function recorded() {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const args = ["start", "--tpm", "none", "--speed", "max", "--modules", "2", "--state", state];
  const run = await wattseal([...args, ...(await lasting(150, folder))]);
  expect(run.status, run.stderr).toBe(0);
  return { folder, log: `${state}/gateway/log`, trust: `${state}/gateway/trust.json` };
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  await writeFile(file, bytes);
}

describe("the record that a run leaves behind", () => {
  it("is listed, shown, audited, proven and verified", async () => {
    const { folder, log, trust } = await recorded();

    const list = await wattseal(["ledger", "list", log, "--type", "energy.interval", "--json"]);
    expect(list.status).toBe(0);
    const intervals = list.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(intervals.length).toBeGreaterThan(1);
    expect(intervals.every(({ type }) => type === "energy.interval")).toBe(true);

    const [{ index, body }] = intervals;
    const shown = await wattseal(["ledger", "show", log, String(index), "--json"]);
    expect(JSON.parse(shown.stdout)).toEqual(intervals[0]);

    const audit = await wattseal(["ledger", "audit", log, "--trust", trust]);
    expect(audit.status).toBe(0);
    expect(audit.stdout).toMatch(/^verdict {4}verified$/m);
    const untrusting = await wattseal(["ledger", "audit", log]);
    expect(untrusting.status).toBe(0);
    expect(untrusting.stdout).toMatch(/^verdict {4}self-consistent only$/m);

    const copy = await wattseal(["ledger", "backup", `${folder}/copy`, "--log", log, "--json"]);
    expect(copy.status, copy.stderr).toBe(0);
    const again = await wattseal(["ledger", "audit", `${folder}/copy`, "--trust", trust]);
    expect([again.status, again.stdout]).toEqual([0, audit.stdout]);

    const proof = `${folder}/interval.proof`;
    const proven = await wattseal(["prove", String(index), "--log", log, "--out", proof]);
    expect(proven.status, proven.stderr).toBe(0);
    expect(proven.stdout).toContain("witnessed");
    const verified = await wattseal(["verify", proof, "--trust", trust, "--json"]);
    expect(verified.status).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      verified: true,
      verdict: "verified",
      index,
      entry: { type: "energy.interval", body },
    });
    const alone = await wattseal(["verify", proof]);
    expect(alone.status).toBe(0);
    expect(alone.stdout).toContain("self-consistent only");
  });

  it("is refused with what and where, once anything in it was changed", async () => {
    const { folder, log, trust } = await recorded();
    const proof = `${folder}/entry.proof`;
    await wattseal(["prove", "5", "--log", log, "--out", proof]);
    await flip(proof, 100);
    const verified = await wattseal(["verify", proof, "--trust", trust]);
    expect(verified.status).toBe(1);
    expect(verified.stdout).toMatch(/refused/);

    const files: [file: string, at: number, named: RegExp][] = [
      [`${log}/journal`, 2000, /journal/],
      [`${log}/checkpoint`, -8, /head|checkpoint/],
    ];
    for (const [file, at, named] of files) {
      const whole = await readFile(file);
      await flip(file, at);
      const audit = await wattseal(["ledger", "audit", log, "--trust", trust]);
      expect(audit.status, file).toBe(1);
      expect(audit.stdout).toMatch(/^DIFFERENCE/m);
      expect(audit.stdout).toMatch(named);
      await writeFile(file, whole);
    }
    expect((await wattseal(["ledger", "audit", log, "--trust", trust])).status).toBe(0);
  });

  it("names what is wrong with the command", async () => {
    const { log } = await recorded();
    const size = (await LogStore.openReadOnly({ directory: log })).durableSize;
    for (const args of [
      ["ledger", "show", log, String(size)],
      ["ledger", "list", log, "--type", "energy.nonsense"],
      ["ledger", "audit", "/nowhere"],
      ["prove", "none", "--log", log],
      ["verify", "/nowhere"],
      ["verify"],
    ]) {
      const { status, stderr } = await wattseal(args);
      expect(status, args.join(" ")).toBe(2);
      expect(stderr).not.toBe("");
    }
  });
});

describe("Ctrl-C", () => {
  it("drains: everything acknowledged is witnessed and verified", async () => {
    const state = `${await temporaryFolder()}/state`;
    const child = spawn(
      process.execPath,
      [PROGRAM, "start", "--tpm", "none", "--json", "--state", state],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    const seen = new Promise<void>((resolve) => {
      let pictures = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        pictures += text;
        const isLinked = (picture: string) => picture.match(/\bsealed\b/g)?.length === MODULES;
        if (pictures.split("\n\n").some(isLinked)) resolve();
      });
    });
    const exit = new Promise<number | null>((resolve) => {
      child.once("close", resolve);
    });
    await seen;
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect(await exit).toBe(0);
    const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    expect(summary).toMatchObject({ linked: MODULES, verified: true, witnessed: summary.entries });
  });
});
