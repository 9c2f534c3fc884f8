import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { swtpmTransport } from "@wattseal/tpm2";

/** @type {string} */
const PROGRAM = "swtpm";

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @returns {Promise<void>}
 */
export function run(file, args, cwd) {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** What every transaction of a benchmark is opened with. */
export const options = {
  entropy: { bytes: (/** @type {number} */ length) => new Uint8Array(randomBytes(length)) },
  pause: (/** @type {number} */ ms) => pause(ms),
};

/**
 * An emulated TPM with its state in `folder`, which `close` removes, and the tools of tpm2-tools on it. Rejects where
 * swtpm is not installed.
 *
 * @param {string} folder
 */
export async function startSwtpm(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "tpm");
  const child = spawn(
    PROGRAM,
    [
      ...["socket", "--tpm2", "--tpmstate", `dir=${folder}`],
      ...["--server", `type=unixio,path=${path}`, "--ctrl", `type=unixio,path=${path}.ctrl`],
      ...["--flags", "not-need-init,startup-clear"],
    ],
    { stdio: "ignore" },
  );
  await once(child, "spawn");
  while (!existsSync(path)) await pause(10);
  return {
    transport: swtpmTransport({ address: { path } }),
    /**
     * @param {string} name without tpm2_
     * @param {readonly string[]} args
     */
    tool: (name, ...args) => run(`tpm2_${name}`, ["-T", `swtpm:path=${path}`, ...args], folder),
    close: async () => {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
