import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { writeLongLog } from "./support/long-log.js";
import { PROGRAM, temporaryFolder, wattseal } from "./support/program.js";

const ENTRIES = 1_000_000;
/** Neither the log, 180 MB, nor its rows, 650 MB, fit beside the program. */
const HEAP_MB = 96;
/** Of its own image: the resource usage of a spawned process begins with its parent's peak. */
const TELL_MEMORY =
  "data:text/javascript,import{readFileSync}from'fs';process.on('exit',()=>process.stderr.write('most '+/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status','utf8'))[1]+' KiB'))";

/** Counts the rows that a program writes to standard output. */
function counted(args: readonly string[]) {
  return new Promise<{ status: number | null; lines: number; bytes: number; stderr: string }>(
    (resolve, reject) => {
      const node = [`--max-old-space-size=${HEAP_MB}`, "--import", TELL_MEMORY];
      const child = spawn(process.execPath, [...node, PROGRAM, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [lines, bytes, stderr] = [0, 0, ""];
      child.stdout.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.once("error", reject);
      child.once("close", (status) => resolve({ status, lines, bytes, stderr }));
    },
  );
}

function inShell(command: string, args: readonly string[]) {
  return spawnSync("sh", ["-c", command, "sh", process.execPath, ...args], { encoding: "utf8" });
}

describe("an export of a long log", () => {
  it("streams a million entries, and holds neither log nor rows", {
    timeout: 480_000,
  }, async () => {
    const directory = `${await temporaryFolder()}/log`;
    const entries = await writeLongLog(directory, ENTRIES);
    expect(entries).toBeGreaterThanOrEqual(ENTRIES);
    const run = await counted(["ledger", "export", directory, "--format", "jsonl"]);
    expect(run.status, run.stderr).toBe(0);
    // Document, epoch, clock and the pairings say nothing about energy.
    expect(run.lines).toBe(entries - 3 - 31);
    expect(run.bytes).toBeGreaterThan(5 * HEAP_MB * 2 ** 20);
    const most = Number(/most (\d+) KiB/.exec(run.stderr)?.[1]) / 1024;
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(3 * HEAP_MB);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says that the disk is full, and leaves no file (skipped where there is no /dev/full)",
    async () => {
      const folder = await temporaryFolder();
      await writeLongLog(`${folder}/log`, 10_000);
      const exported = [PROGRAM, "ledger", "export", `${folder}/log`, "--format", "csv"];
      const piped = inShell('exec "$@" > /dev/full', exported);
      expect(piped.status).toBe(3);
      expect(piped.stderr).toMatch(/standard output: ENOSPC/);
      const limited = inShell(`ulimit -f 1000; exec "$@" --out ${folder}/rows.csv`, exported);
      expect(limited.status).toBe(3);
      expect(limited.stderr).toMatch(/EFBIG/);
      expect(await readdir(folder)).toEqual(["log"]);
      const whole = await wattseal(["ledger", "export", `${folder}/log`, "--format", "csv"]);
      expect(whole.status).toBe(0);
      expect(whole.stdout.length).toBeGreaterThan(1000 * 1024);
    },
  );
});
