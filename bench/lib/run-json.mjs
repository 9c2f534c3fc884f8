import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs a script to its end; what it said in its last line.
 *
 * @param {string} script
 * @param {readonly string[]} args
 */
export async function runJson(script, args) {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
    stderr += text;
  });
  const [status] = await once(child, "close");
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!/^[[{]/.test(last)) throw new Error(`${args.join(" ")} failed:\n${stderr}`);
  return { json: JSON.parse(last), status };
}
