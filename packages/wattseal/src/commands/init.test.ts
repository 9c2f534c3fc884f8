import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { runProgram } from "../program.fixture.js";

/** What `init --demo` says to run as the federation, after its state folder. */
async function federationAfter(...flags: readonly string[]): Promise<string | undefined> {
  const root = mkdtempSync(join(tmpdir(), "wattseal-init-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const state = join(root, "state");
  const demo = ["init", "--demo", "--tpm", "none", "--modules", "1", "--state", state];
  const { status, stdout } = await runProgram(...demo, ...flags);
  expect(status).toBe(0);
  const line = stdout.split("\n").find((one) => one.startsWith("Next: "));
  return line?.replace(`Next: wattseal federation --state ${state}`, "");
}

it("says a federation that listens, or asks, where the gateway connects", async () => {
  expect(await federationAfter()).toBe("");
  const local = "mqtt://127.0.0.1";
  expect(await federationAfter("--broker", local)).toBe("");
  expect(await federationAfter("--broker", `${local}:22883`)).toBe(" --port 22883");
  const elsewhere = "mqtts://broker.example:8883";
  expect(await federationAfter("--broker", elsewhere)).toBe(` --broker ${elsewhere}`);
});
