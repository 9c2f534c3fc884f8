import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "./support/program.js";
import { hasSwtpm, NEEDS_SWTPM } from "./support/swtpm.js";

const EMULATOR = new URL("../packages/wattseal/dist/tpm/emulator.js", import.meta.url).href;

/** A process that runs the emulated TPM of a folder until it is killed. */
async function ownerOf(directory: string): Promise<ChildProcess> {
  const code = `
    const { startEmulator } = await import(${JSON.stringify(EMULATOR)});
    await startEmulator(${JSON.stringify(directory)});
    console.log("up");
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void owner.kill("SIGKILL"));
  await once(owner.stdout, "data");
  return owner;
}

describe.skipIf(!hasSwtpm)(`the emulated TPM of the demonstration${NEEDS_SWTPM}`, () => {
  it("ends with its owner, also a killed one, and the next owner waits for that", async () => {
    const directory = `${await temporaryFolder()}/tpm`;
    const owner = await ownerOf(directory);
    const [emulator, ...more] = await processesOf(directory);
    expect(more).toEqual([]);
    owner.kill("SIGKILL");
    await once(owner, "exit");
    await ownerOf(directory);
    while ((await processesOf(directory)).includes(emulator!)) await pause(20);
  });
});

/** Ids of the emulators that run on a folder's state. */
async function processesOf(directory: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return pids.filter((_, i) => commands[i]?.startsWith("swtpm") && commands[i].includes(directory));
}
